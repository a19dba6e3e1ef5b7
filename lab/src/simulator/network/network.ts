import { equalBytes } from '@ogong/protocol/base/bytes';
import { createDraws, type NamedDraws } from '../world/draws.ts';
import type { Trace } from '../world/trace.ts';
import type { Owner, VirtualTime } from '../world/virtual-time.ts';

/** A server that listens: its process, and what it does with a call. */
export interface Listener {
  readonly owner: Owner;
  readonly certHash: Uint8Array;
  readonly receive: (call: ArrivedCall) => void;
}

export interface ArrivedCall {
  readonly caller: Uint8Array;
  readonly method: string;
  readonly bytes: Uint8Array;
  readonly timeoutMs: number;
  /** Sends a part of the answer. Parts arrive in order. */
  answer(part: AnswerPart): void;
  /** Called once the caller has gone. */
  onLeft(listener: () => void): void;
}

export type AnswerPart =
  | { readonly kind: 'part'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown };

/** How the network treats a message now. The faults of a run change it. */
export interface Weather {
  /** Share of messages that never arrive. */
  loss: number;
  /** Share of calls that arrive twice. */
  duplication: number;
  /** Of one message, one way, ms. */
  leastDelayMs: number;
  mostDelayMs: number;
  /** Groups that cannot reach each other: the number of a process's group, by its name. Those of group 0 are everywhere else. */
  readonly groups: Map<string, number>;
}

export interface Call {
  readonly to: string;
  readonly certHash: Uint8Array;
  readonly caller: Uint8Array;
  readonly method: string;
  readonly bytes: Uint8Array;
  readonly timeoutMs: number;
  onAnswer(part: AnswerPart): void;
  /** Nobody listens there, or the connection broke. */
  onLost(why: string): void;
}

export interface MethodCount {
  calls: number;
  bytes: number;
}

/** Changes what a process sends: a liar's hand on its own wire. @returns undefined for nothing. */
export type Tamper = (call: {
  readonly to: string;
  readonly certHash: Uint8Array;
  readonly method: string;
  readonly bytes: Uint8Array;
}) => Uint8Array | undefined;

/** Changes a part of an answer that a process gives. @returns undefined: nothing of the answer comes from then on. */
export type TamperAnswer = (part: {
  readonly caller: Uint8Array;
  readonly method: string;
  readonly bytes: Uint8Array;
}) => Uint8Array | undefined;

/** The bytes of a request, or of one part of an answer, that reached a machine. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly method: string;
  readonly bytes: Uint8Array;
}

export interface SimulatedNetwork {
  readonly weather: Weather;
  /** Called with the bytes that reach a machine. */
  onArrival: ((flow: Flow) => void) | undefined;
  /** Whether a message is lost because of what it says: a fault that picks its messages. */
  loses:
    | ((call: {
        readonly from: string;
        readonly to: string;
        readonly method: string;
        readonly bytes: Uint8Array;
      }) => boolean)
    | undefined;
  /** Changes what a process hears: a liar that is deaf to some of it. */
  readonly ears: Map<string, (call: { readonly method: string; readonly bytes: Uint8Array }) => Uint8Array>;
  /** Calls that reach all machines of an address, and not one of them, by the method's name. */
  readonly shared: Map<string, RegExp>;
  readonly counts: ReadonlyMap<string, MethodCount>;
  /** By the name of the process that lies. */
  readonly tampers: Map<string, Tamper>;
  readonly answers: Map<string, TamperAnswer>;
  /** Whether a process listens to a call at all. */
  readonly hears: Map<string, (call: Pick<ArrivedCall, 'caller' | 'method'>) => boolean>;

  listen(address: string, listener: Listener): void;
  close(address: string, listener: Listener): void;
  /** @returns leaves the call. */
  send(call: Call): () => void;
  /** How many calls wait for their answer. */
  open(): number;
}

/** After so long without a sign of life a link counts as broken. */
/** Between two parts of a stream. */
const PART_MS = 0.001;
const BROKEN_AFTER_MS = 15_000;

/** Carries calls between processes in virtual time, with the delays and losses of the weather. */
export function createNetwork(
  { seed }: { readonly seed: number },
  { time, trace }: { readonly time: VirtualTime; readonly trace: Trace },
): SimulatedNetwork {
  const draws: NamedDraws = createDraws(seed ^ 0x6e657477);
  /** Several where machines share an address: each caller reaches always the same of them. */
  const listeners = new Map<string, Listener[]>();
  const counts = new Map<string, MethodCount>();
  const tampers = new Map<string, Tamper>();
  const answers: SimulatedNetwork['answers'] = new Map();
  const hears: SimulatedNetwork['hears'] = new Map();
  const weather: Weather = { loss: 0, duplication: 0, leastDelayMs: 1, mostDelayMs: 40, groups: new Map() };
  const ears: SimulatedNetwork['ears'] = new Map();
  const shared: SimulatedNetwork['shared'] = new Map();
  let open = 0;
  /** A message in flight belongs to the network, so it arrives even if its sender has crashed. */
  const network: Owner = { name: 'network', isDead: false, skewMs: 0, drift: 0, slowMs: 0 };

  const areApart = (a: string, b: string): boolean => (weather.groups.get(a) ?? 0) !== (weather.groups.get(b) ?? 0);
  const isLost = (from: string, to: string): boolean =>
    areApart(from, to) || draws.next(`loss ${from} ${to}`) < weather.loss;
  const delayOf = (from: string, to: string): number =>
    weather.leastDelayMs + draws.next(`delay ${from} ${to}`) * (weather.mostDelayMs - weather.leastDelayMs);

  function count(method: string, size: number, calls: number): void {
    const known = counts.get(method) ?? { calls: 0, bytes: 0 };
    known.calls += calls;
    known.bytes += size;
    counts.set(method, known);
  }

  function find(address: string, from: string): Listener | undefined {
    const open = (listeners.get(address) ?? []).filter(({ owner }) => !owner.isDead);
    return open[Math.floor(draws.at(`reaches ${from} ${address}`) * open.length)];
  }

  function send(call: Call): () => void {
    const owner = time.current();
    const from = owner?.name ?? 'outside';
    const bytes = (tampers.get(from) ?? passOn)(call);
    const leaving: (() => void)[] = [];
    let hasLeft = false;
    let isOver = false;
    open++;
    const end = (): void => {
      if (!isOver) open--;
      isOver = true;
    };
    const breakLater = (): void => {
      time.plan(Math.min(BROKEN_AFTER_MS, call.timeoutMs + 1), () => lose('the connection was lost'), owner);
    };
    const lose = (why: string): void => {
      if (isOver) return;
      end();
      call.onLost(why);
    };
    const to = find(call.to, from)?.owner.name ?? call.to;
    count(call.method, call.bytes.length, 1);
    const isPicked = bytes !== undefined && self.loses?.({ from, to, method: call.method, bytes }) === true;
    if (bytes === undefined || isPicked || isLost(from, to)) {
      trace.note(from, `-x ${to} ${shorten(call.method)}`);
      breakLater();
    } else {
      arrive(delayOf(from, to), false);
      if (draws.next(`twice ${from} ${to}`) < weather.duplication) arrive(delayOf(from, to) * 3, true);
    }

    /** @param isCopy no caller waits for the answer of a copy. */
    function arrive(delayMs: number, isCopy: boolean): void {
      time.plan(
        delayMs,
        () => {
          const server = find(call.to, from);
          const isHeard = server !== undefined && (hears.get(server.owner.name)?.(call) ?? true);
          if (!isHeard || !equalBytes(server.certHash, call.certHash)) {
            if (!isCopy) time.plan(delayOf(to, from), () => lose('nobody listens there'), owner);
            return;
          }
          trace.note(
            from,
            `-> ${server.owner.name} ${shorten(call.method)} ${bytes?.length} B${isCopy ? ' again' : ''}`,
          );
          if ((server.owner.standsUntilMs ?? 0) > time.nowMs())
            time.plan(0, () => deliver(server, isCopy), server.owner);
          else time.runAs(server.owner, () => deliver(server, isCopy));
          for (const twin of listTwins(server)) time.runAs(twin.owner, () => deliver(twin, true));
        },
        network,
      );
    }

    function listTwins(server: Listener): readonly Listener[] {
      if (!shared.get(call.to)?.test(call.method)) return [];
      return (listeners.get(call.to) ?? []).filter((one) => one !== server && !one.owner.isDead);
    }

    function deliver(server: Listener, isCopy: boolean): void {
      let lastMs = 0;
      const tamper = answers.get(server.owner.name);
      const bend = (part: AnswerPart): AnswerPart | undefined => {
        if (part.kind !== 'part' || tamper === undefined) return part;
        const bytes = tamper({ caller: call.caller, method: call.method, bytes: part.bytes });
        return bytes && { kind: 'part', bytes };
      };
      let isBroken = draws.next(`loss ${server.owner.name} ${from}`) < weather.loss;
      const { method } = call;
      self.onArrival?.({ from, to: server.owner.name, method, bytes: bytes as Uint8Array });
      server.receive({
        caller: call.caller,
        method,
        bytes: ears.get(server.owner.name)?.({ method, bytes: bytes as Uint8Array }) ?? (bytes as Uint8Array),
        timeoutMs: call.timeoutMs,
        onLeft(listener) {
          if (isCopy) return;
          if (hasLeft) listener();
          else leaving.push(() => time.plan(delayOf(from, to), listener, server.owner));
        },
        answer(given) {
          if (isCopy || hasLeft || isOver) return;
          const part = bend(given);
          if (part === undefined) isBroken = true;
          else if (part.kind === 'part') count(call.method, part.bytes.length, 0);
          // A link loses no part in the middle: all parts after a lost one are lost too.
          isBroken ||= areApart(server.owner.name, from);
          if (isBroken || part === undefined) return breakLater();
          // Parts of one stream never overtake each other.
          lastMs = Math.max(lastMs + PART_MS, time.nowMs() + delayOf(server.owner.name, from));
          time.plan(
            lastMs - time.nowMs(),
            () => {
              if (hasLeft || isOver) return;
              if (part.kind === 'part')
                self.onArrival?.({ from: server.owner.name, to: from, method, bytes: part.bytes });
              else end();
              call.onAnswer(part);
            },
            owner,
          );
        },
      });
    }

    return () => {
      if (isOver) return;
      hasLeft = true;
      end();
      for (const leave of leaving) leave();
    };
  }

  const self: SimulatedNetwork = {
    weather,
    onArrival: undefined,
    loses: undefined,
    ears,
    shared,
    counts,
    tampers,
    answers,
    hears,
    listen(address, listener) {
      const others = (listeners.get(address) ?? []).filter(
        ({ owner }) => !owner.isDead && owner.name !== listener.owner.name,
      );
      listeners.set(
        address,
        [...others, listener].sort((a, b) => (a.owner.name < b.owner.name ? -1 : 1)),
      );
    },
    close(address, listener) {
      listeners.set(
        address,
        (listeners.get(address) ?? []).filter((one) => one !== listener),
      );
    },
    send,
    open: () => open,
  };
  return self;
}

const passOn: Tamper = ({ bytes }) => bytes;

const shorten = (method: string): string => method.slice(method.lastIndexOf('.') + 1);
