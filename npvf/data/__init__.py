"""Training data: selection of clips, tensors, augmentation, sampling."""
