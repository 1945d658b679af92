/* Files of users, which the translator tells portolan-passwords: the kind of their items. The key
 * is "namespace/name" of a Secret and how it is read, the value lines "user:hash". Never to Envoy.
 */
#pragma once

#define ITEM_USERS 61
