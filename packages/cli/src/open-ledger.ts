import { type ChainClient, createChainClient } from '@ogong/chain/client';
import type { Hex } from '@ogong/chain/hex';
import type { RemoteSigner } from '@ogong/chain/remote-signer';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { toHex } from '@ogong/protocol/base/bytes';

/** Location of the contracts, as read by `chainFields`. */
export interface LedgerPlace {
  readonly deployment: string;
  readonly rpcUrl: string | undefined;
}

/** The key in a file that only its user reads. @throws KeyFileError */
export const readPrivateKey = (path: string): Hex => `0x${toHex(loadLedgerKey(path).reveal())}`;

/** The sender: the key itself, or a signer elsewhere. */
export type Sender = { readonly privateKey: Hex } | { readonly signer: RemoteSigner };

/**
 * The contracts of a deployment; without a key they are only read.
 * @param program owner of the settings, for the error. @throws ConfigError, ChainError
 */
export function openLedger(
  program: string,
  { deployment, rpcUrl }: LedgerPlace,
  sender?: Hex | Sender | undefined,
): Promise<ChainClient> {
  const found = readDeployment(program, { deployment, rpcUrl });
  return createChainClient({ ...found, ...(typeof sender === 'string' ? { privateKey: sender } : sender) });
}
