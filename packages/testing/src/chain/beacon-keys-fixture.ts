import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { encodeActivation } from '@ogong/protocol/beacon/threshold/key-outcome';
import { hashKeyStatement } from '@ogong/protocol/beacon/threshold/key-plan';
import type { Bls } from '@ogong/protocol/crypto/bls';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { BeaconKeysClient } from './fake-beacon-keys.ts';
import type { TestLedger } from './test-ledger.ts';

/** A network with three validators of equal votes. */
export interface BeaconKeysWorld {
  readonly network: BeaconNetwork;
  readonly crypto: Crypto;
  readonly bls: Bls;
  readonly validators: readonly { readonly client: BeaconKeysClient; readonly signer: LedgerSigner }[];
  /** An account that is not a validator. */
  readonly stranger: BeaconKeysClient;
  readonly pass: (seconds: number) => Promise<void>;
}

export const SECRET = 0x1234_5678_9abcn;

/** Signs the activation of an era as validators do after a key generation. */
export async function prepareActivation(
  { network, crypto, bls, validators }: BeaconKeysWorld,
  {
    generation,
    era,
    secret = SECRET,
    signers = validators.length,
    by = secret,
  }: { generation: number; era: number; secret?: bigint; signers?: number; by?: bigint },
) {
  const [set, transcript, key] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), bls.deriveKey(secret)];
  const subject = { generation, era, attempt: 7, set };
  const digest = hashKeyStatement(crypto, network, subject, { kind: 'outcome', transcript, key });
  const signatures = validators.slice(0, signers).map(({ signer }) => signer.signDigest(digest));
  const quorum = await sortQuorum(digest, signatures);
  return { outcome: { ...subject, transcript }, key, quorum, activation: bls.sign(by, encodeActivation(digest)) };
}

/** Three validators of a fresh ledger. */
export async function openBeaconWorld(
  ledger: TestLedger,
  { crypto, bls }: Pick<BeaconKeysWorld, 'crypto' | 'bls'>,
): Promise<BeaconKeysWorld> {
  const { chainId, settlement } = ledger.deployment;
  const members = [await ledger.createValidator(), await ledger.createValidator(), await ledger.createValidator()];
  const rpc = ledger.governor.transactor.client;
  return {
    network: { chainId: BigInt(chainId), settlement: fromHex(settlement.slice(2), 20) },
    ...{ crypto, bls, stranger: ledger.governor },
    validators: members.map(({ client, privateKey }) => ({
      client,
      signer: createNobleLedgerSigner(fromHex(privateKey.slice(2), 32)),
    })),
    async pass(seconds) {
      await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
      await rpc.request({ method: 'evm_mine' } as never);
    },
  };
}
