import { equalBytes, fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { type EraMessage, type EraRecord, eraMessageFormat } from '@ogong/protocol/beacon/threshold/era-message';
import { keyOf } from '@ogong/protocol/beacon/threshold/partials';
import { createPauses } from '@ogong/protocol/beacon/threshold/pauses';
import { lookUpEra, newestEra, openRecord, type ThresholdState } from './threshold-state.ts';

export interface EraExchange {
  /** Asks the validators for an unknown group. */
  tick(nowMs: number): void;
  receive(from: Uint8Array, message: EraMessage): Promise<void>;
}

const ASK_MS = 2_000;

/**
 * Learns the members of an era that this validator missed. The chain has the hash of the committee and the key. The
 * other commitments are accepted once members with more than a third of the stake send the same, so that one of them is
 * honest.
 */
export function createEraExchange(state: ThresholdState): EraExchange {
  const { signer, onUndelivered = () => {} } = state;
  let askedMs = Number.NEGATIVE_INFINITY;
  /** A record is long, and each of its points costs a check, so a peer is answered once in a while. */
  const handled = createPauses(ASK_MS / 2);

  function isFirst(peer: Uint8Array, kind: EraMessage['kind']): boolean {
    const [name, nowMs] = [`${kind} ${toHex(peer)}`, state.clock.nowMs()];
    if (handled.has(name, nowMs)) return false;
    handled.begin(name, nowMs);
    return true;
  }

  /** The record of the newest era by each member. */
  let heard = { era: 0, said: new Map<string, { readonly stake: bigint; readonly content: string }>() };

  function send(to: Uint8Array, message: EraMessage): void {
    void state.send(to, eraMessageFormat.encode(message)).catch(onUndelivered);
  }

  function findMissing() {
    const reading = state.beaconKeys();
    const newest = reading && newestEra(reading);
    return newest !== undefined && lookUpEra(state, newest) === undefined ? newest : undefined;
  }

  async function hear(from: Uint8Array, record: EraRecord): Promise<void> {
    const missing = findMissing();
    if (missing === undefined || missing.era !== record.era || missing.generation !== record.generation) return;
    const group = openRecord(state, record);
    const key = state.beaconKeys()?.generations[record.generation - 1]?.key;
    if (group === undefined || key === undefined || !equalBytes(keyOf(group), fromHex(key.slice(2)))) return;
    if (!equalBytes(group.seats.hash, fromHex(missing.set.slice(2)))) return;
    const seat = group.seats.seats.find(({ address }) => equalBytes(address, from));
    if (seat === undefined || group.commitments.bytes.length !== group.seats.threshold) return;
    if (heard.era !== record.era) heard = { era: record.era, said: new Map() };
    const content = record.commitments.map(toHex).join();
    heard.said.set(toHex(from), { stake: seat.stake, content });
    const alike = [...heard.said.values()].filter((one) => one.content === content);
    if (3n * alike.reduce((sum, { stake }) => sum + stake, 0n) <= group.seats.totalStake) return;
    await state.group.write((db) => {
      state.archive.putCommittee(db, group.seats.hash, record.seats);
      state.eras.putEra(db, fromHex(missing.transcript.slice(2)), { record, shares: [] });
    });
  }

  function answer(to: Uint8Array, era: number): void {
    const reading = state.beaconKeys();
    const newest = reading && newestEra(reading);
    if (newest?.era !== era) return;
    const kept = state.eras.findEra(era, fromHex(newest.transcript.slice(2)));
    if (kept !== undefined) send(to, { kind: 'record', ...kept.record });
  }

  return {
    tick(nowMs) {
      const missing = findMissing();
      if (missing === undefined || nowMs - askedMs < ASK_MS) return;
      askedMs = nowMs;
      for (const { address } of state.validators()) {
        if (!equalBytes(address, signer.address)) send(address, { kind: 'request', era: missing.era });
      }
    },
    async receive(from, message) {
      if (!isFirst(from, message.kind)) return;
      if (message.kind === 'request') return answer(from, message.era);
      const { kind: _, ...record } = message;
      try {
        await hear(from, record);
      } catch (error) {
        // The committee is impossible.
        if (!(error instanceof ProtocolError)) throw error;
      }
    },
  };
}
