"""Array in, array out: convolution and pooling. No tensor, no tape."""
