import { existsSync, readFileSync } from 'node:fs';
import type { Address, Hex } from '@ogong/chain/hex';
import { ConfigError } from '@ogong/host/config/config-error';
import { writePublicFile } from '@ogong/host/files/private-files';
import { explainFile } from '@ogong/host/log/errors';
import { z } from 'zod';

const hex = z
  .string()
  .regex(/^0x[0-9a-f]*$/)
  .transform((text) => text as Hex);

const progress = z.strictObject({
  chainId: z.int(),
  deployer: hex,
  contracts: hex,
  /** Number of the deployer's transaction that creates the first contract. */
  nonce: z.int().min(0),
  fromBlock: z.string().regex(/^\d+$/).transform(BigInt),
});

interface Progress {
  readonly chainId: number;
  readonly deployer: Address;
  /** Hash of the contracts' bytecode. */
  readonly contracts: Hex;
  readonly nonce: number;
  readonly fromBlock: bigint;
}

/** Beside the deployment that is written in the end. */
const progressFileOf = (out: string): string => `${out}.progress`;

/** Start of an earlier run; undefined if there was none. @throws ConfigError if its plan differs */
export function readProgress(
  program: string,
  out: string,
  { chainId, deployer, contracts }: Pick<Progress, 'chainId' | 'deployer' | 'contracts'>,
): Progress | undefined {
  const path = progressFileOf(out);
  if (!existsSync(path)) return undefined;
  let found: z.infer<typeof progress>;
  try {
    found = progress.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? 'it was damaged' : explainFile(error);
    throw new ConfigError(program, [`${path}: ${why}`]);
  }
  const isSame = found.chainId === chainId && found.deployer === deployer && found.contracts === contracts;
  if (!isSame) {
    throw new ConfigError(program, [
      `${path} belongs to a deployment on another chain, by another account or with another version of this program: remove it to begin anew`,
    ]);
  }
  return found;
}

export function writeProgress(out: string, { fromBlock, ...rest }: Progress): void {
  const content = { ...rest, fromBlock: `${fromBlock}` };
  writePublicFile(progressFileOf(out), `${JSON.stringify(content, null, 2)}\n`);
}
