"""Sizes and costs that were measured: which way of computing pays from where on.

They decide between ways that give the same result (to rounding), never what a result is. Measure one with

    python -m benchmarks.thresholds NAME

which times the work on either side of it. Costs are counted in multiplications: as many as BLAS does in the time
that the work takes, so that one *grain size* serves all kernels.
"""

# --- which implementation ---

COMPILED_FROM = 256
"""Elements from which on an array goes to a compiled kernel. Fewer are not worth loading machine code for."""

RELU_PLAIN_BELOW = 2048
"""Elements below which NumPy's plainest call computes relu and its derivative fastest."""

CHANNEL_SUMS_COMPILED_FROM = 1 << 14
"""Elements from which on sums over all but the channels are compiled."""

SUM_BLOCK = 32
"""Elements of a block of a sum, which are added one after the other; the sums of blocks are then added likewise."""

SUMMED_PLAINLY_UP_TO = 2 * SUM_BLOCK
"""Most elements that are added one after the other: up to here, blocks would cost time and hardly save rounding."""

PRODUCT_IN_SLABS_FROM = 512
"""Factors from which on a product is computed in slabs."""

SUM_ROW_WIDTH = 2048
"""Elements of a row that is added to another row at once: NumPy takes several times as long for short rows."""

MATMUL_BLOCK_TERMS = 400
"""Terms of a block of a matrix product. BLAS adds the terms of a small product one after the other: of 3,000,000 in
float32, four digits are right. Up to two blocks, such as MNIST's 784 pixels, come in one product."""

MATMUL_BLOCKED_UP_TO = 1 << 12
"""Most elements of a product whose terms are added in blocks; BLAS cuts a larger product into blocks itself."""

MATMUL_COMPILED_ROWS, MATMUL_COMPILED_COLUMNS = 3, 10
"""Rows of the first and columns of the second matrix from which on a product is compiled: a SIMD register tile of
fewer is mostly empty, and BLAS is faster."""

MATMUL_COMPILED_BELOW = 1 << 14
"""Elements of a matrix, times the lanes of a wide vector, from which on BLAS is faster: it copies both matrices in
blocks that stay in the cache."""

MATMUL_COMPILED_TERMS = 4096
"""Most terms of a sum in a compiled product. Of more, BLAS adds up partial sums, which rounds less."""

COMPILED_BLOCK_TERMS = 256
"""Terms of a block of a compiled product or convolution, which are added one after the other to one number."""

WHERE_BY_BITS_FROM = 10_000
"""Elements from which on two products and an "or" of bits are faster than a branch for each element."""

INDEX_CHECKED_FROM = 1000
"""Elements from which on it pays to look whether an index names a place twice before adding at it."""

# --- the batch-innermost layout ---

BATCH_INNERMOST_FROM = 1 << 14
"""Elements from which on a sum of images in two layouts is computed in the batch-innermost one, and from which on a
copy to it is compiled."""

BATCH_INNERMOST_ROWS_COMPILED_FROM = 1 << 17
"""Elements from which on a copy that only moves rows is compiled: NumPy copies fewer as fast."""

CACHE_ALIASING_BYTES = 4096
"""Addresses that far apart, or a multiple, share few places in a first-level cache: samples are then brought closer
together before they are transposed."""

LINE_ALIASING = 512
"""Lines of im2col whose length is a multiple of so many elements are padded, for that reason."""

# --- memory ---

POOLED_FROM_BYTES = 1 << 16
"""Bytes from which on an array comes from the memory pool. Smaller ones cost no page faults."""

POOLED_UP_TO_BYTES = 1 << 26
"""Most bytes of an array from the memory pool. The memory of a larger one goes back to the operating system as soon
as it is freed. A bound on memory, not a measurement."""

MEMORY_POOL_BYTES = 1 << 28
"""Most bytes that the memory pool holds, for all threads; past it, buffers not in use are freed. A bound, not
a measurement."""

# --- threads ---

GRAIN_SIZE = 3_000_000
"""Multiplications that are worth a Python thread: 30 to 60 us, about what it takes to wake one."""

COMPILED_GRAIN_SIZE = 600_000
"""Multiplications that are worth a worker of the compiled kernels' pool: 5 us, several times what an awake one
needs to begin."""

BLAS_THREADS_FROM = 1 << 18
"""Multiplications from which on BLAS may use threads of its own for a product."""

SPINS_BEFORE_SLEEP = 3000
"""How often an idle worker of the compiled kernels looks for a task before it sleeps: about a millisecond."""

# --- programs of compiled kernels ---

PROGRAM_BLOCK = 32
"""Samples that go through a program at a time, forward and backward: their values stay in the cache."""

SAMPLES_PER_THREAD = 8
"""Fewest samples of a program that are worth a thread: fewer leave most of a SIMD vector empty."""

# --- costs in multiplications for each element, in the order of magnitude: they depend on what is in the cache ---

POOL_COST = 10
"""Of max-pooling by NumPy, for each element of the input."""

COMPILED_POOL_COST = 30
"""Of compiled max-pooling and its derivative, for each element of the input."""

COMPILED_COPY_COST = 60
"""Of a compiled copy to the batch-innermost layout."""

COMPILED_RELU_COST = 12
"""Of compiled relu and its derivative."""

COMPILED_ELEMENTWISE_COST = 30
"""Of a compiled elementwise function of a few steps."""

COMPILED_SUM_COST = 12
"""Of compiled sums over all but the channels."""

COMPILED_RESAMPLE_COST = 600
"""Of a pixel that is interpolated between four by a compiled loop."""

# --- interpolation ---

RESAMPLE_BLOCK = 1 << 17
"""Pixels that NumPy interpolates at once: so many that calls cost little, so few that they stay in the cache."""

# --- convolution ---

BLAS_UNPACKED_MULTIPLICATIONS = 1_000_000
"""Most multiplications of a product that OpenBLAS does without first copying ("packing") both matrices."""

BLAS_PACKED_ROWS = 32
"""Rows from which on that copy takes little of the product's time."""

WEIGHT_OUTPUTS_AS_COLUMNS_FROM = 8
"""Outputs of a group from which on a weight's gradient is computed transposed: BLAS blocks over the longer side."""

WEIGHT_BLOCK = 1 << 14
"""Elements of the gradient's rows that the compiled weight gradient adds up at a time: they stay in the cache, and
the sums stay short."""
