// The kinds of OpenShift, which a real API server then knows.
module github.com/colvin-net/colvin/lab/controlplane/build/openshift

go 1.26.0

require github.com/openshift/api v0.0.0-20240904015708-69df64132c91
