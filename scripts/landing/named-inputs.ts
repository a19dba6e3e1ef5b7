import { EVERYTHING } from './inputs.ts';

/**
 * Inputs that the import graph and the strings of a test do not show: files that it finds by listing a directory, and files that its
 * child processes read. `.` stands for all tracked files. The guard reports a file that is missing here.
 */
const NAMED_INPUTS: Readonly<Record<string, readonly string[]>> = {
  // Read the whole repository.
  'scripts/docs.process.test.ts': [EVERYTHING],
  'scripts/long-tests.test.ts': [EVERYTHING],
  'scripts/own-store.test.ts': [EVERYTHING],
};

/** Returns the inputs of a test file that only this page names. */
export const findNamedInputs = (file: string): readonly string[] => NAMED_INPUTS[file] ?? [];
