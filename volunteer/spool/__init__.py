"""What this host keeps on disk: who it is, blobs, gradients not yet delivered. Knows no network and no training."""
