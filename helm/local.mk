# helm/
