import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { createKeyMachine, type KeyMachine } from '@ogong/protocol/beacon/threshold/key-machine';
import {
  type KeyEntry,
  type KeyMessage,
  keyEntryFormat,
  keyMessageFormat,
} from '@ogong/protocol/beacon/threshold/key-message';
import {
  hashKeyStatement,
  type KeyPlan,
  type KeyStatement,
  subjectOf,
} from '@ogong/protocol/beacon/threshold/key-plan';
import type { KeyAction } from '@ogong/protocol/beacon/threshold/key-state';
import { type Committee, formCommittee } from '@ogong/protocol/beacon/threshold/members';
import type { KeyShare, ThresholdGroup } from '@ogong/protocol/beacon/threshold/partials';
import type { Bls } from '@ogong/protocol/crypto/bls';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { SealedBox } from '@ogong/protocol/crypto/sealed-box';

export interface KeyMember {
  readonly signer: LedgerSigner;
  readonly boxSecret: Uint8Array;
  readonly stake: bigint;
}

export interface KeyPrimitives {
  readonly crypto: Crypto;
  readonly bls: Bls;
  readonly box: SealedBox;
}

/** A liar's replacement for a message to a receiver. */
export type Lie = (message: KeyMessage, to: number, node: KeyNode) => readonly KeyMessage[];

export interface KeyNode {
  readonly at: number;
  readonly member: KeyMember;
  readonly address: Uint8Array;
  machine: KeyMachine | undefined;
  /** The disk. */
  entries: Uint8Array[];
  lie: Lie | undefined;
  readonly struck: Uint8Array[];
  /** Bytes and messages that it sent. */
  sent: { bytes: number; messages: number };
  agreed: Extract<KeyAction, { kind: 'agreed' }>['result'] | undefined;
  activated: Extract<KeyAction, { kind: 'activated' }> | undefined;
  activatedMs: number | undefined;
  /** Stops once after this many actions: a crash between two of them. */
  crashAfter: number | undefined;
}

export interface KeyNetworkOptions {
  readonly members: readonly KeyMember[];
  readonly network: BeaconNetwork;
  readonly primitives: KeyPrimitives;
  readonly random: () => number;
  readonly phaseMs?: number;
  readonly attempt?: number;
  readonly era?: number;
  /** The previous group, and its shares by account in hex. */
  readonly previous?: { readonly group: ThresholdGroup; readonly shares: ReadonlyMap<string, readonly KeyShare[]> };
  readonly struck?: readonly Uint8Array[];
  /** Part of all messages that are lost. */
  readonly loss?: number;
}

/** A secret that is not secret. */
function numbered(kind: number, number: number): Uint8Array {
  const secret = new Uint8Array(32).fill(kind);
  new DataView(secret.buffer).setUint32(28, number);
  return secret;
}

export function createKeyMembers(stakes: readonly bigint[], first = 1): KeyMember[] {
  return stakes.map((stake, i) => ({
    signer: createNobleLedgerSigner(numbered(1, first + i)),
    boxSecret: numbered(2, first + i),
    stake,
  }));
}

export function seatMembers(
  { crypto, box }: Pick<KeyPrimitives, 'crypto' | 'box'>,
  network: BeaconNetwork,
  members: readonly KeyMember[],
): Committee {
  const seated = members
    .filter(({ stake }) => stake > 0n)
    .map(({ signer, boxSecret, stake }) => ({
      ...{ address: signer.address, signingKey: signer.address, stake },
      boxKey: box.deriveKey(boxSecret),
    }));
  return formCommittee(crypto, network, seated);
}

interface Event {
  readonly atMs: number;
  readonly run: () => void;
}

/** Events in order of time. Most new ones belong at the end. */
function addEvent(events: Event[], event: Event): void {
  let at = events.length;
  while (at > 0 && (events[at - 1] as Event).atMs > event.atMs) at -= 1;
  events.splice(at, 0, event);
}

/** Several key machines, a virtual clock, links that delay and lose, disks that crash at any step. */
export function createKeyNetwork(options: KeyNetworkOptions) {
  const { members, network, primitives, random, phaseMs = 1_000, attempt = 0, era = 1, previous, struck } = options;
  const { crypto, bls, box } = primitives;
  const seats = seatMembers(primitives, network, members);
  const plan: KeyPlan = {
    ...{ network, generation: 1, era, attempt, seats, struck, startsAtMs: 1_000 },
    ...{ previous: previous?.group, phaseMs, resendMs: phaseMs / 4 },
  };
  const subject = subjectOf(plan);
  let nowMs = 0;
  const events: Event[] = [];
  const nodes: KeyNode[] = members.map((member, at) => ({
    ...{ at, member, address: member.signer.address, machine: undefined, entries: [], lie: undefined, struck: [] },
    ...{ sent: { bytes: 0, messages: 0 }, agreed: undefined, activated: undefined, activatedMs: undefined },
    crashAfter: undefined,
  }));

  function schedule(atMs: number, run: () => void): void {
    addEvent(events, { atMs, run });
  }

  function start(node: KeyNode): void {
    const entries: KeyEntry[] = node.entries.map((entry) => keyEntryFormat.decode(entry));
    const drawSeed = () => Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256));
    const oldShares = previous?.shares.get(toHex(node.address));
    const own = { self: node.address, boxSecret: node.member.boxSecret, drawSeed, oldShares };
    node.machine = createKeyMachine(plan, { crypto, bls, box, ...own }, entries);
  }

  function step(node: KeyNode, act: (machine: KeyMachine) => KeyAction[]): void {
    if (node.machine === undefined) return;
    for (const action of act(node.machine)) {
      if (node.crashAfter !== undefined && node.crashAfter-- === 0) {
        node.crashAfter = undefined;
        node.machine = undefined;
        return;
      }
      carryOut(node, action);
    }
  }

  function carryOut(node: KeyNode, action: KeyAction): void {
    if (action.kind === 'keep') node.entries.push(keyEntryFormat.encode(action.entry));
    else if (action.kind === 'sign') sign(node, action.statement);
    else if (action.kind === 'send') sendFrom(node, action.to, action.message);
    else if (action.kind === 'agreed') node.agreed = action.result;
    else if (action.kind === 'struck') node.struck.push(action.dealer);
    else {
      node.activated = action;
      node.activatedMs ??= nowMs - plan.startsAtMs;
    }
  }

  function sign(node: KeyNode, statement: KeyStatement): void {
    const signature = node.member.signer.signDigest(hashKeyStatement(crypto, network, subject, statement));
    schedule(nowMs + 1, () => step(node, (machine) => machine.addSignature(statement, signature, nowMs)));
  }

  function sendFrom(node: KeyNode, to: Uint8Array, message: KeyMessage): void {
    const target = nodes.find(({ address }) => equalBytes(address, to));
    if (target === undefined) return;
    const out = node.lie === undefined ? [message] : node.lie(message, target.at, node);
    for (const one of out) {
      const encoded = keyMessageFormat.encode(one);
      node.sent.bytes += encoded.length;
      node.sent.messages += 1;
      if (random() < (options.loss ?? 0)) continue;
      const delayMs = 1 + Math.floor(random() * phaseMs * 0.1);
      schedule(nowMs + delayMs, () =>
        step(target, (machine) => machine.receive(node.address, keyMessageFormat.decode(encoded), nowMs)),
      );
    }
  }

  /** Runs until a condition holds or the time is over. @returns whether it holds. */
  function runUntil(isDone: () => boolean, untilMs: number): boolean {
    while (!isDone()) {
      const event = events.shift();
      if (event === undefined || event.atMs > untilMs) return false;
      nowMs = event.atMs;
      event.run();
    }
    return true;
  }

  function tickAll(node: KeyNode): void {
    const every = (): void => {
      step(node, (machine) => machine.tick(nowMs));
      schedule(nowMs + phaseMs / 20, every);
    };
    schedule(nowMs, every);
  }

  for (const node of nodes) {
    start(node);
    tickAll(node);
  }

  return {
    plan,
    seats,
    nodes,
    start,
    runUntil,
    schedule,
    now: () => nowMs,
    /** A message of any kind as a liar would send it. */
    inject(from: number, to: number, message: KeyMessage): void {
      const [node, target] = [nodes[from] as KeyNode, nodes[to] as KeyNode];
      schedule(nowMs + 1, () => step(target, (machine) => machine.receive(node.address, message, nowMs)));
    },
    signAs(at: number, statement: KeyStatement): Uint8Array {
      return (nodes[at] as KeyNode).member.signer.signDigest(hashKeyStatement(crypto, network, subject, statement));
    },
  };
}

export type KeyNetwork = ReturnType<typeof createKeyNetwork>;
