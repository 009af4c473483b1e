/* cmocka with the includes it wants, and the shapes our tests share. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/base.h"

#define assert_view_equal(actual, string)                                                                              \
	do {                                                                                                           \
		struct view unit_view_ = (actual);                                                                     \
		assert_int_equal(unit_view_.size, strlen(string));                                                     \
		assert_memory_equal(unit_view_.at, string, unit_view_.size);                                           \
	} while (0)

#endif
