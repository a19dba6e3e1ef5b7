import { readFileSync, statSync } from 'node:fs';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import {
  MAX_OVER_ADMISSION_BYTES,
  type OverAdmission,
  parseOverAdmission,
} from '@ogong/protocol/exchange/over-admission';
import { nodeCrypto } from '../crypto/node-crypto.ts';
import { ConfigError } from './config-error.ts';

/**
 * Reads orders with their admissions from a file.
 * @param command owner of the settings, for the error.
 * @throws ConfigError if the file cannot be read, or holds something else.
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

/** Hashes a file of evidence that no program reads here. @throws ConfigError if it cannot be read, or is larger than any evidence */
export function hashEvidence(command: string, path: string): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size === 0 || size > MAX_OVER_ADMISSION_BYTES) throw new ProtocolError('too-large', `it has ${size} bytes`);
    return nodeCrypto.sha256(readFileSync(path));
  } catch (error) {
    const isKnown = error instanceof ProtocolError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!isKnown) throw error;
    throw new ConfigError(command, [`${path} cannot be read as evidence: ${(error as Error).message}`]);
  }
}
