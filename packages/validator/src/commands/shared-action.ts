import type { ChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { domainOf } from '@ogong/chain/domain';
import type { Address } from '@ogong/chain/hex';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import { type KeyOptions, openKeys } from '../open-keys.ts';
import type { CommandAnswer } from './command.ts';

export interface ActionContext {
  readonly crypto: Crypto;
  readonly deployment: Deployment;
  /** Domain of the contract that counts the signatures. */
  readonly domain: LedgerDomain;
}

/** An action that several operators sign one by one, and one of them submits. */
export interface SharedAction {
  /** Its command, for errors. */
  readonly name: string;
  /** Empty: this operator signs. */
  readonly signatures: readonly Uint8Array[];
  /** Returns the contract that counts the signatures. @throws ConfigError if the network has none */
  contract(deployment: Deployment): Address;
  submit(context: ActionContext, client: ChainClient): Promise<CommandAnswer>;
  sign(context: ActionContext & { readonly signer: ValidatorSigner }, client: ChainClient): Promise<CommandAnswer>;
}

/** Signs the action, or submits the signatures of others. Only signing opens the signing key. */
export async function signOrSubmit(values: KeyOptions, deed: SharedAction): Promise<CommandAnswer> {
  const { deployment, openSigner, connect } = await openKeys(deed.name, values);
  const context = { crypto: nodeCrypto, deployment, domain: domainOf(deployment, deed.contract(deployment)) };
  const client = await connect();
  if (deed.signatures.length > 0) return deed.submit(context, client);
  const { signer, close } = await openSigner();
  try {
    return await deed.sign({ ...context, signer }, client);
  } finally {
    await close();
  }
}
