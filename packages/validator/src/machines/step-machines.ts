import { ChainError } from '@ogong/chain/errors';
import { compareBytes, equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { computeMachineNonce, hashMachineEntry, MACHINE_ENTRY_S } from '@ogong/protocol/machine/machine-entry';
import { isAttestedTier } from '@ogong/protocol/tier/registry';
import { gatherPeerSignatures } from '../settlement/gather-peer-signatures.ts';
import { listOffers } from '../store/announcement-store.ts';
import { certifyMachine, findMachineProblem } from './certify-machine.ts';
import { MAX_LAPSED, type MachinesChain, type MachinesState } from './machine-state.ts';

/** An entry is renewed in its second half. */
const RENEWED_S = MACHINE_ENTRY_S / 2n;
const NONCE_BYTES = 32;
/** Most machines asked in one step. */
const MAX_ASKED = 64;

/**
 * Challenges announced machines at unpredictable moments with unpredictable nonces. Enters those without an entry, or
 * whose entry ends soon, in this validator's turn. Only failed machines are remembered: each step begins with a reading
 * of the chain. @throws ChainError
 * @param share of the machines that are asked in this step, 0..1.
 */
export async function stepMachines(state: MachinesState, share: number): Promise<void> {
  const client = await state.chain.client();
  const now = await client.now();
  let asked = 0;
  for (const providerId of listMachines(state)) {
    if (asked >= MAX_ASKED) return;
    try {
      const entry = await client.machineOf(providerId);
      const isDue = entry === undefined || !entry.isGood || entry.until - now < RENEWED_S;
      const isEntering = isDue && isOwnTurn(state, providerId);
      if (!isEntering && state.random() >= share) continue;
      asked++;
      const key = await challengeMachine(state, providerId);
      if (key === undefined) continue;
      // A machine that started again has another key, and no traffic until that one is entered.
      const hasOtherKey = entry !== undefined && !equalBytes(fromHex(entry.signingKey.slice(2)), key);
      if (isEntering || hasOtherKey) await enterMachine(state, client, providerId);
    } catch (error) {
      state.onError(error);
    }
  }
}

function listMachines({ store, clock }: MachinesState): Uint8Array[] {
  const offers = store.read(() => listOffers(store, clock.nowMs()));
  const attested = offers.filter(({ modelId }) => isAttestedTier(parseModelId(modelId).tier));
  return [...new Map(attested.map(({ providerId }) => [toHex(providerId), providerId])).values()];
}

/**
 * Tells whether it is this validator's turn: another one in each epoch and for each provider, in the order of
 * addresses.
 */
function isOwnTurn({ chain, signer, latestEpoch }: MachinesState, providerId: Uint8Array): boolean {
  const addresses = chain
    .validators()
    .map(({ address }) => address)
    .sort(compareBytes);
  const own = addresses.findIndex((address) => equalBytes(address, signer.address));
  const turn = (latestEpoch() + BigInt(providerId[0] as number)) % BigInt(Math.max(1, addresses.length));
  return BigInt(own) === turn;
}

/**
 * Challenges a machine with a fresh nonce. A machine that fails is refused from now on: its records are not accepted,
 * and it is not entered.
 * @returns its attested key; undefined if it failed. @throws LinkError if it cannot be asked, which says nothing about
 * it
 */
async function challengeMachine(state: MachinesState, providerId: Uint8Array): Promise<Uint8Array | undefined> {
  const { lapsed } = state;
  const nonce = state.randomBytes(NONCE_BYTES);
  const shown = await state.askProvider(providerId, nonce);
  const why = await findMachineProblem(state, shown, nonce);
  const name = toHex(providerId);
  if (why === undefined) {
    lapsed.delete(name);
    return shown.attestedKey;
  }
  if (!lapsed.has(name)) state.onLapsed(providerId, why);
  lapsed.delete(name);
  for (const oldest of lapsed.keys()) if (lapsed.size >= MAX_LAPSED) lapsed.delete(oldest);
  lapsed.set(name, why);
  return undefined;
}

async function enterMachine(state: MachinesState, client: MachinesChain, providerId: Uint8Array): Promise<void> {
  const { crypto, domain, signer, chain, askPeer, onEntered, onError } = state;
  const epoch = state.latestEpoch();
  const beacon = await state.findBeacon(epoch);
  if (beacon === undefined) return;
  const shown = await state.askProvider(providerId, computeMachineNonce(crypto, { epoch, beacon, providerId }));
  const until = (await client.now()) + MACHINE_ENTRY_S;
  const asked = { ...shown, epoch, until };
  const { entry, named, signature } = await certifyMachine(state, asked);
  const quorum = await gatherPeerSignatures(client, {
    ...{ crypto, validators: chain.validators(), own: { signer: signer.address, signature }, onError },
    digest: hashMachineEntry(crypto, domain, entry),
    ask: (peer) => askPeer(peer, asked),
  });
  if (quorum === undefined) return;
  try {
    const { transactionHash } = await client.registerMachine(entry, quorum, named.quote);
    onEntered(entry, transactionHash);
  } catch (error) {
    // Another validator was faster, or the provider itself.
    if (!(error instanceof ChainError && error.revert?.name === 'NotLater')) throw error;
  }
}
