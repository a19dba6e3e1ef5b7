import { statSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { type EvaluationSet, MAX_SET_BYTES, parseEvaluationSet } from '@ogong/hub/evaluation/evaluation-set';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { toPlainBytes } from '../../receipt-file.ts';
import { readUserFile } from '../../user-files.ts';

/** Reads the set of a flag. @throws ConfigError for a file that is no set. */
export function readSetFile(program: string, path: string): EvaluationSet {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_SET_BYTES) throw new ConfigError(program, [`--set ${path} has ${size} bytes; a set has fewer`]);
  try {
    return parseEvaluationSet(crypto, toPlainBytes(readUserFile(path)));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ConfigError(program, [`--set ${path}: ${error.message}`]);
  }
}
