# How tests are declared. A unit test mirrors its source: edge/route/route.c has
# tests/unit/edge/route/test_route.c and is named unit.edge.route.route.

# meridian_unit_test(test_route.c edge-lib [more libraries…])
function(meridian_unit_test source)
	if(NOT CMOCKA_FOUND OR MERIDIAN_FUZZ)
		return()
	endif()
	file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
	string(REPLACE "/" "." folder ${folder})
	get_filename_component(base ${source} NAME_WE)
	string(REGEX REPLACE "^test_" "" base ${base})
	set(name ${folder}.${base})
	add_executable(${name} ${source})
	target_link_libraries(${name} PRIVATE ${ARGN} PkgConfig::CMOCKA meridian-flags)
	set_target_properties(${name} PROPERTIES
		MERIDIAN_TEST ON # gcc is not told that cmocka's assert_non_null() does not return
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests
		INTERPROCEDURAL_OPTIMIZATION OFF)
	add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS unit)
endfunction()

# meridian_fuzz_target(NAME library…): tests/fuzz/fuzz_NAME.c with corpus tests/fuzz/corpus/NAME/.
# With clang it is a libFuzzer program. With any other build it replays its corpus, so that every
# sanitizer sees every input that was once interesting.
function(meridian_fuzz_target name)
	set(target fuzz_${name})
	set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
	if(MERIDIAN_FUZZ)
		add_executable(${target} fuzz_${name}.c)
		target_link_options(${target} PRIVATE -fsanitize=fuzzer)
		add_test(NAME fuzz.run.${name}
			COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz/run_short $<TARGET_FILE:${target}> ${corpus})
		set_tests_properties(fuzz.run.${name} PROPERTIES TIMEOUT 600 LABELS fuzz
			WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	else()
		add_executable(${target} fuzz_${name}.c replay.c)
		add_test(NAME fuzz.replay.${name} COMMAND ${target} ${corpus})
		set_tests_properties(fuzz.replay.${name} PROPERTIES TIMEOUT 120 LABELS fuzz
			WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	endif()
	target_link_libraries(${target} PRIVATE ${ARGN} meridian-flags)
	set_target_properties(${target} PROPERTIES
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests
		INTERPROCEDURAL_OPTIMIZATION OFF)
endfunction()
