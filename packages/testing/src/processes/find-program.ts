import { fileURLToPath } from 'node:url';
import { findJoinedProgram } from '@ogong/devnet/mesh/joined-program';

/**
 * Returns the file that runs a program of the packages. `npm test` has bundled the programs, so each starts in a fraction of the time.
 * A test that runs alone starts the sources.
 * @param source its TypeScript entry, in `bin`.
 */
export const findProgram = (source: string | URL): string =>
  findJoinedProgram(fileURLToPath(source), process.env.OGONG_PROGRAMS);
