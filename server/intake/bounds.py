"""How much of anything an uploaded file may have before it is refused unread."""

KIB, MIB, GIB = 2**10, 2**20, 2**30

MODEL_FILE_BYTES = 1 * GIB
"""50 M parameters are 200 MB; with a saved optimizer three times that."""
JSON_BYTES = 4 * MIB
JSON_DEPTH = 200
EXPANSION = 100
"""Declared bytes per stored byte; genuine weights do not compress a tenth as well."""
SMALL_BYTES = 4 * KIB
"""Up to this size the expansion says nothing: four numbers never written are still four numbers."""

HDF5_OBJECTS = 50_000
HDF5_DEPTH = 40
HDF5_NAME = 512
HDF5_RANK = 8
HDF5_DECLARED_BYTES = 2 * GIB
HDF5_CHUNK_BYTES = 64 * MIB
ATTRIBUTES = 256
ATTRIBUTE_BYTES = JSON_BYTES
NAMES = 20_000
WEIGHT_NUMBERS = 50_000_000

NPY_HEADER_BYTES = 4 * KIB
ARRAY_RANK = 6
DATA_FILE_BYTES = 64 * GIB
UNPACKED_BYTES = 16 * GIB
LEAST_FREE = 1 * GIB
"""What unpacking and converting leave free on the disk."""
UNPACKED_UNSUSPICIOUS = 64 * MIB
NPZ_MEMBERS = 64
ROWS = 20_000_000
"""Orders and class numbers are held whole: about 40 bytes a row."""

SAMPLE_ROWS = 32

BLOCK_BYTES = 16 * MIB
"""How much of an array is looked at, converted or copied at once."""

COLUMNS = 4_096
"""Of a table: each is looked at for each block of rows."""
TABLE_CELLS = 4_000_000_000
"""Rows times columns: as float32 they make UNPACKED_BYTES; a small Parquet can claim far more."""
TEXT_COLUMNS = 128
"""Of a CSV: pyarrow reserves a whole block for each."""
TABLE_LINE_BYTES = 1 * MIB
TABLE_BLOCK_BYTES = 2 * MIB
CLASSES = 25_000
SHOWN_CLASSES = 100
"""How many different values of a column are counted where it is not the labels'."""
CLASS_LETTERS = 200

IMAGE_MEMBERS = 500_000
IMAGE_BYTES = 64 * MIB
IMAGE_PIXELS = 40_000_000
"""Decoded at four bytes a pixel they still fit; cameras make 12 to 24 million."""
MEMBER_NAME = 1_000
