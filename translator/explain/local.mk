# Answers to people's questions about requests and objects.
libtranslator_a_SOURCES += \
	translator/explain/explain-absent.c \
	translator/explain/explain-action.c \
	translator/explain/explain-client.c \
	translator/explain/explain-cluster.c \
	translator/explain/explain-domain.c \
	translator/explain/explain-gateway.c \
	translator/explain/explain-host.c \
	translator/explain/explain-internal.h \
	translator/explain/explain-listener.c \
	translator/explain/explain-match.c \
	translator/explain/explain-object.c \
	translator/explain/explain-origin.c \
	translator/explain/explain-problem.c \
	translator/explain/explain-refusal.c \
	translator/explain/explain-request.c \
	translator/explain/explain-route.c \
	translator/explain/explain-routes.c \
	translator/explain/explain-sent.c \
	translator/explain/explain-surface-route.c \
	translator/explain/explain-surface.c \
	translator/explain/explain-write.c \
	translator/explain/explain.c \
	translator/explain/explain.h
