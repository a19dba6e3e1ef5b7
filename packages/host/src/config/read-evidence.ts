import { readFileSync, statSync } from 'node:fs';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import {
  MAX_OVER_ADMISSION_BYTES,
  type OverAdmission,
  parseOverAdmission,
} from '@ogong/protocol/exchange/over-admission';
import { ConfigError } from './config-error.ts';

/**
 * Orders with their admissions, from a file.
 * @param command whose settings these are, for the error.
 * @throws ConfigError where the file cannot be read, or holds something else.
 */
export function readEvidence(command: string, path: string): OverAdmission {
  try {
    const { size } = statSync(path);
    if (size > MAX_OVER_ADMISSION_BYTES) throw new ProtocolError('too-large', `it has ${size} bytes`);
    return parseOverAdmission(readFileSync(path));
  } catch (error) {
    const isKnown = error instanceof ProtocolError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!isKnown) throw error;
    throw new ConfigError(command, [
      `${path} holds no admissions: ${(error as Error).message}; ogong-provider admissions writes such files`,
    ]);
  }
}
