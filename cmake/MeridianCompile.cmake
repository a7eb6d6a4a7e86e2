# What every target of ours is compiled with. Targets link `meridian-flags` and say nothing more.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # cleanup, typeof, statement expressions
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(MERIDIAN_SANITIZE "" CACHE STRING "list for -fsanitize=, empty for none")
option(MERIDIAN_SLOW_CHECKS "compile MUST_SLOW in" OFF)
option(MERIDIAN_FUZZ "build the libFuzzer targets (clang)" OFF)
option(MERIDIAN_HARDEN "link-time optimisation and hardening for what is shipped" OFF)

add_library(meridian-flags INTERFACE)
target_include_directories(meridian-flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(meridian-flags INTERFACE
	_GNU_SOURCE
	MERIDIAN_VERSION="${PROJECT_VERSION}")
target_compile_options(meridian-flags INTERFACE
	-Wall -Wextra -Werror -Wshadow -Wswitch-enum -Wconversion -Wmissing-prototypes
	-Wstrict-prototypes -Wvla -Wformat=2 -Wcast-qual -Wundef -Wpointer-arith
	-Wno-sign-conversion
	$<$<NOT:$<BOOL:$<TARGET_PROPERTY:MERIDIAN_TEST>>>:-Wnull-dereference>
	-fno-omit-frame-pointer -fno-strict-overflow
	-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

if(MERIDIAN_SLOW_CHECKS)
	target_compile_definitions(meridian-flags INTERFACE MERIDIAN_SLOW_CHECKS=1)
endif()

if(MERIDIAN_SANITIZE)
	target_compile_options(meridian-flags INTERFACE
		-fsanitize=${MERIDIAN_SANITIZE} -fno-sanitize-recover=all)
	target_link_options(meridian-flags INTERFACE -fsanitize=${MERIDIAN_SANITIZE})
endif()

if(MERIDIAN_FUZZ)
	target_compile_options(meridian-flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(MERIDIAN_HARDEN)
	target_compile_definitions(meridian-flags INTERFACE _FORTIFY_SOURCE=2)
	target_compile_options(meridian-flags INTERFACE -fstack-protector-strong -fcf-protection)
	target_link_options(meridian-flags INTERFACE -Wl,-z,relro,-z,now -pie)
	set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()
