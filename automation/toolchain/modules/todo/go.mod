module todo

go 1.24
