/* The names and parents in routes of Gateway API, for questions about objects of any kind
 * (model/front-end.h). */
#pragma once

#include "translator/model/front-end.h"

size_t route_written_http_names(struct arena *a, const ProtobufCMessage *object,
				struct written_name **ret);
size_t route_written_grpc_names(struct arena *a, const ProtobufCMessage *object,
				struct written_name **ret);
size_t route_written_tls_names(struct arena *a, const ProtobufCMessage *object,
			       struct written_name **ret);

size_t route_written_http_parents(const ProtobufCMessage *object,
				  struct K8s__ParentReference *const **ret);
size_t route_written_grpc_parents(const ProtobufCMessage *object,
				  struct K8s__ParentReference *const **ret);
size_t route_written_tls_parents(const ProtobufCMessage *object,
				 struct K8s__ParentReference *const **ret);
size_t route_written_tcp_parents(const ProtobufCMessage *object,
				 struct K8s__ParentReference *const **ret);
size_t route_written_udp_parents(const ProtobufCMessage *object,
				 struct K8s__ParentReference *const **ret);
