import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { Refusal } from '@ogong/host/link/link-error';
import { compareBytes, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { type Allotment, hashAllotment } from '@ogong/protocol/settlement/emission';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import { computeAllotment } from './allotment.ts';
import { gatherPeerSignatures } from './gather-peer-signatures.ts';

export type AllottingChain = Pick<
  ChainClient,
  'emissionState' | 'recycledWork' | 'recycledBefore' | 'votesOf' | 'allot'
>;

/** The tally that a validator asks its peers to sign. */
export type AllotmentRequest = Pick<Allotment, 'number' | 'until'>;

export interface AllottingState {
  readonly crypto: Crypto;
  readonly signer: ValidatorSigner;
  /** Domain of the emission contract. */
  readonly domain: LedgerDomain;
  readonly chain: { client(): Promise<AllottingChain>; validators(): readonly QuorumMember[] };
  /** Asks a peer for its signature and the signed root. */
  readonly ask: (
    peer: QuorumMember,
    asked: AllotmentRequest,
  ) => Promise<{ readonly root: Uint8Array; readonly signature: Uint8Array }>;
  readonly onAllotted: (allotment: Allotment, transactionHash: string) => void;
  /** Called if a peer signed another tally: one of the two reads another chain. */
  readonly onDisagreement: (peer: QuorumMember, allotment: Allotment, root: Uint8Array) => void;
  readonly onError: (error: unknown) => void;
  /** The last signed tally. Reading a period again is expensive for the chain's node and gives the same result. */
  signed: SignedAllotment | undefined;
  /** A reading in progress. All callers wait for it. */
  signing: Promise<SignedAllotment | undefined> | undefined;
}

export interface SignedAllotment {
  readonly allotment: Allotment;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** Seconds after a period's end before validators sign: a reorganisation may still undo its blocks. */
export const SETTLED_S = 900n;
/** Seconds that each validator leaves to the one before it, so that one of them pays for the transaction. */
export const TURN_S = 600n;

/**
 * Signs the due tally, gathers the others' signatures and submits it in this validator's turn. It keeps no state: every
 * step begins with a reading of the chain. @throws ChainError, SignerError
 */
export async function stepAllotment(state: AllottingState): Promise<void> {
  const { crypto, domain, signer, chain, ask, onAllotted, onDisagreement, onError } = state;
  const client = await chain.client();
  const due = await signDue(state, client);
  if (due === undefined || !(await isOwnTurn(state, client, due.allotment))) return;
  const { allotment, signature } = due;
  const quorum = await gatherPeerSignatures(client, {
    ...{ crypto, validators: chain.validators(), own: { signer: signer.address, signature }, onError },
    digest: hashAllotment(crypto, domain, allotment),
    async ask(peer) {
      const answer = await ask(peer, allotment);
      if (!equalBytes(answer.root, allotment.root)) onDisagreement(peer, allotment, answer.root);
      return answer.signature;
    },
  });
  if (quorum === undefined) return;
  try {
    const { transactionHash } = await client.allot({ ...allotment, quorum });
    onAllotted(allotment, transactionHash);
  } catch (error) {
    // Another validator was faster: the tally is on the chain.
    if (!(error instanceof ChainError && error.revert?.name === 'NoPeriod')) throw error;
  }
}

/**
 * Returns this validator's own signed reading, if it is the tally that the peer names.
 * @throws Refusal `precondition` if none is due here, or another one; ChainError, SignerError
 */
export async function answerAllotment(state: AllottingState, asked: AllotmentRequest): Promise<SignedAllotment> {
  const due = await signDue(state, await state.chain.client());
  if (due === undefined) throw new Refusal('precondition', 'no tally of the emission is due here');
  const { number, until } = due.allotment;
  if (number !== asked.number || until !== asked.until) {
    throw new Refusal('precondition', `tally ${number} until ${until} is due here`);
  }
  return due;
}

function signDue(state: AllottingState, client: AllottingChain): Promise<SignedAllotment | undefined> {
  state.signing ??= readDue(state, client).finally(() => {
    state.signing = undefined;
  });
  return state.signing;
}

async function readDue(state: AllottingState, client: AllottingChain): Promise<SignedAllotment | undefined> {
  const { crypto, signer, domain, signed } = state;
  if (signed !== undefined && (await client.emissionState()).count === signed.allotment.number) return signed;
  const allotment = await computeAllotment(crypto, client, { settledS: SETTLED_S });
  if (allotment === undefined) return undefined;
  const signature = await signer.sign({ kind: 'allotment', domain, ...allotment });
  state.signed = { allotment, signature };
  return state.signed;
}

/**
 * Tells whether it is this validator's turn: in the order of addresses, with another first validator each time. The
 * next one follows if the tally is still due a while later.
 */
async function isOwnTurn(
  { signer, chain }: Pick<AllottingState, 'signer' | 'chain'>,
  client: Pick<AllottingChain, 'emissionState'>,
  { number, until }: Allotment,
): Promise<boolean> {
  const addresses = chain
    .validators()
    .map(({ address }) => address)
    .sort(compareBytes);
  const own = addresses.findIndex((address) => toHex(address) === toHex(signer.address));
  if (own === -1) return false;
  const turn = (own - (number % addresses.length) + addresses.length) % addresses.length;
  return (await client.emissionState()).now >= until + SETTLED_S + BigInt(turn) * TURN_S;
}
