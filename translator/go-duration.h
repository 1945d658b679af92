/* Where it was before. */
#pragma once

#include "common/go-duration.h"
