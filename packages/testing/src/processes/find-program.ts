import { fileURLToPath } from 'node:url';
import { findJoinedProgram } from '@ogong/devnet/mesh/joined-program';

/**
 * The file that runs a program of the packages: `npm test` has joined them, so that each start takes a fraction of the processor's time.
 * A test that is run alone starts the sources.
 * @param source its TypeScript entry, in `bin`.
 */
export const findProgram = (source: string | URL): string =>
  findJoinedProgram(fileURLToPath(source), process.env.OGONG_PROGRAMS);
