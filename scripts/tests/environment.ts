/** Environment variable: path of a JSON list of the test files that a run of Vitest is to take. */
export const TEST_FILES_FILE = 'OGONG_TEST_FILES_FILE';
