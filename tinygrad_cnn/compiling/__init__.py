"""`tg.compile`: a function of tensors, such as a training step, captured once and run as a program from then on."""
