# The engine: units, recorded reads, outputs.
libtranslator_a_SOURCES += \
	translator/graph/cell.c \
	translator/graph/cell.h \
	translator/graph/consequences.c \
	translator/graph/graph-internal.h \
	translator/graph/graph-fleet.c \
	translator/graph/graph-status.c \
	translator/graph/graph.c \
	translator/graph/graph.h \
	translator/graph/part-tree.c \
	translator/graph/part-tree.h \
	translator/graph/provenance.c \
	translator/graph/reader.c \
	translator/graph/world.h
