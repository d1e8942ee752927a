"""The addresses of compiled functions that programs need beside those of kernels."""

from tinygrad_cnn.kernels.compiled.machine_code import address

linear = address("linear_loops", "linear")
linear_weight = address("linear_loops", "linear_weight")
cross_entropy = address("program_loops", "cross_entropy")
cross_entropy_input = address("program_loops", "cross_entropy_input")
copy_strided = address("program_loops", "copy_strided")
add_parts = address("program_loops", "add_parts")
clear = address("program_loops", "clear")
run_parts = address("program_loops", "run_parts")
