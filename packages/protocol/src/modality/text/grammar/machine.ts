import { utf8Encode } from '../../../base/bytes.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { parseGrammar } from './gbnf.ts';
import { GrammarError } from './grammar-error.ts';
import { compileProgram, type GrammarNode, type GrammarProgram } from './program.ts';
import { createCompileBudget, type WorkBudget } from './work-budget.ts';

/** The state after a text: every possible continuation in the grammar. Equal states of one machine are one object. */
export interface GrammarState {
  readonly places: readonly Place[];
  /** Whether the text is complete and may end here. */
  readonly isComplete: boolean;
}

/** An expected byte, and the rest to match after it. */
interface Place {
  readonly id: number;
  readonly node: Extract<GrammarNode, { kind: 'byte' }>;
  readonly stack: Stack;
}

/** The continuation after the end of a rule or of a loop's body. */
interface Stack {
  readonly id: number;
  /** A loop, or the step after a call; undefined at the bottom, where the text is complete. */
  readonly node: GrammarNode | undefined;
  /** Number of runs of a loop's body, the present one included; -1 for a call. */
  readonly count: number;
  readonly below: Stack | undefined;
  /** Number of continuations below. */
  readonly depth: number;
}

export interface GrammarMachine {
  /** Before the first byte. */
  readonly start: GrammarState;
  /**
   * Returns the state after one more byte; undefined if the grammar forbids it.
   * @throws GrammarError('too-costly') after more than the allowed work since the last `renew`.
   */
  step(state: GrammarState, byte: number): GrammarState | undefined;
  /** Allows more work, and forgets known states if there are too many. @returns the same state, for this machine. */
  renew(state: GrammarState, work: number): GrammarState;
}

/** The most continuations after a byte. A byte with more is forbidden by the protocol, so that all machines agree. */
export const MAX_PLACES = 2048;
/** The most continuations that all places after a byte hold together, also by the protocol. They bound its memory. */
export const MAX_STACKED: number = 2 ** 17;
/** The most steps of the grammar for one byte, also by the protocol. */
export const MAX_VISITS = 16_384;
/** The most such steps for a whole text. A text that needs more does not match. */
export const MAX_TEXT_WORK: number = 2 ** 21;
/** The most places that a machine remembers. A state counts as many places, since it has a transition for each byte. */
const MAX_REMEMBERED: number = 2 ** 17;
const STATE_WEIGHT = 16;
/** The most continuations that a machine remembers. At most `MAX_STACKED` of them are live. */
const MAX_REMEMBERED_STACKS: number = 4 * MAX_STACKED;
/** More than the continuations that a machine makes between two resets, and more than the runs of a loop. */
const KEYS = 2 ** 24;

interface Tables {
  readonly stacks: Map<number, Stack>;
  /** Numbers of the pairs of a loop or step, and its count. */
  readonly frames: Map<number, number>;
  readonly places: Map<number, Place>;
  readonly states: Map<string, KnownState>;
}
interface KnownState extends GrammarState {
  /** Next states by byte; null for a forbidden byte. */
  readonly next: (KnownState | null | undefined)[];
  readonly tables: Tables;
}

/** A grammar that was parsed and found valid. */
export interface CompiledGrammar {
  readonly text: string;
  readonly program: GrammarProgram;
}

/** @throws GrammarError naming the problem. */
export function compileGrammar(text: string, budget: WorkBudget = createCompileBudget()): CompiledGrammar {
  const compiled = { text, program: compileProgram(parseGrammar(text, budget), budget) };
  createGrammarMachine(compiled);
  return compiled;
}

/** Creates a machine for a grammar over bytes of UTF-8. It is lazy: a state is computed when a text first reaches it. */
export function createGrammarMachine({ program: { start, nodes } }: CompiledGrammar): GrammarMachine {
  let tables = createTables();
  let left = MAX_VISITS;

  const push = (node: GrammarNode | undefined, count: number, below: Stack | undefined): Stack => {
    const pair = ((node?.id ?? -1) + 1) * KEYS + count + 1;
    let frame = tables.frames.get(pair);
    if (frame === undefined) {
      frame = tables.frames.size;
      tables.frames.set(pair, frame);
    }
    const key = ((below?.id ?? -1) + 1) * KEYS + frame;
    let stack = tables.stacks.get(key);
    if (stack === undefined) {
      const depth = below === undefined ? 0 : below.depth + 1;
      stack = { id: tables.stacks.size, node, count, below, depth };
      tables.stacks.set(key, stack);
    }
    return stack;
  };
  const bottom = (): Stack => push(undefined, -1, undefined);
  const toPlace = (node: Place['node'], stack: Stack): Place => {
    const key = stack.id * nodes + node.id;
    let place = tables.places.get(key);
    if (place === undefined) {
      place = { id: tables.places.size, node, stack };
      tables.places.set(key, place);
    }
    return place;
  };
  const toState = (places: Place[], isComplete: boolean): KnownState => {
    places.sort((a, b) => a.id - b.id);
    const key = `${isComplete} ${places.map(({ id }) => id).join(' ')}`;
    let state = tables.states.get(key);
    if (state === undefined) {
      state = { places, isComplete, next: [], tables };
      tables.states.set(key, state);
    }
    return state;
  };

  /** Returns the state that continues from these steps; undefined if there are too many continuations, or none. */
  const follow = (from: readonly (readonly [GrammarNode, Stack])[]): KnownState | undefined => {
    const open = [...from];
    const seen = new Set<number>();
    const places: Place[] = [];
    let isComplete = false;
    let stacked = 0;
    const turn = (loop: Extract<GrammarNode, { kind: 'loop' }>, done: number, stack: Stack): void => {
      if (done >= loop.min) open.push([loop.next, stack]);
      const isCounted = loop.max !== Number.POSITIVE_INFINITY || done < loop.min;
      if (done < loop.max) open.push([loop.body, push(loop, isCounted ? done + 1 : done, stack)]);
    };
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      const [node, stack] = step;
      const key = stack.id * nodes + node.id;
      if (seen.has(key)) continue;
      if (seen.size >= MAX_VISITS || places.length >= MAX_PLACES || stacked > MAX_STACKED) {
        left -= seen.size;
        return undefined;
      }
      seen.add(key);
      if (node.kind === 'byte') {
        places.push(toPlace(node, stack));
        stacked += stack.depth;
      } else if (node.kind === 'split') {
        for (const option of node.options) open.push([option, stack]);
      } else if (node.kind === 'call') {
        // A call at the end of a rule needs no return into it.
        open.push([node.rule, node.next.kind === 'return' ? stack : push(node.next, -1, stack)]);
      } else if (node.kind === 'loop') {
        turn(node, 0, stack);
      } else if (stack.node === undefined) {
        isComplete = true;
      } else if (stack.node.kind === 'loop' && stack.count >= 0) {
        turn(stack.node, stack.count, stack.below as Stack);
      } else {
        open.push([stack.node, stack.below as Stack]);
      }
    }
    left -= seen.size;
    if (stacked > MAX_STACKED) return undefined;
    return places.length > 0 || isComplete ? toState(places, isComplete) : undefined;
  };

  /** Finds the same stack in the present tables. */
  const adopt = (stack: Stack): Stack => {
    const frames: Stack[] = [];
    for (let frame: Stack | undefined = stack; frame !== undefined; frame = frame.below) frames.push(frame);
    return frames.reduceRight<Stack | undefined>(
      (below, { node, count }) => push(node, count, below),
      undefined,
    ) as Stack;
  };
  const toKnown = (state: GrammarState): KnownState => {
    const known = state as KnownState;
    if (known.tables === tables) return known;
    return toState(
      known.places.map(({ node, stack }) => toPlace(node, adopt(stack))),
      known.isComplete,
    );
  };

  const first = follow([[start, bottom()]]);
  if (first === undefined)
    throw new GrammarError('invalid-grammar', `a text may begin in more than ${MAX_PLACES} ways`);
  return {
    start: first,
    step(given, byte) {
      const state = toKnown(given);
      const known = state.next[byte];
      if (known !== undefined) return known ?? undefined;
      if (left <= 0) throw new GrammarError('too-costly', 'the grammar has too many ways to go on');
      const matching: [GrammarNode, Stack][] = [];
      for (const { node, stack } of state.places)
        if (byte >= node.first && byte <= node.last) matching.push([node.next, stack]);
      const next = matching.length === 0 ? undefined : follow(matching);
      state.next[byte] = next ?? null;
      return next;
    },
    renew(state, work) {
      left = work;
      const remembered = STATE_WEIGHT * tables.states.size + tables.places.size;
      if (remembered > MAX_REMEMBERED || tables.stacks.size > MAX_REMEMBERED_STACKS) tables = createTables();
      return toKnown(state);
    },
  };
}

const createTables = (): Tables => ({
  stacks: new Map(),
  frames: new Map(),
  places: new Map(),
  states: new Map(),
});

/** Returns whether a text is a complete one of the grammar, the beginning of one, or neither. */
export function matchText(grammar: CompiledGrammar, bytes: Uint8Array): 'whole' | 'beginning' | 'forbidden' {
  // A separate machine is needed: states known from another text would change the amount of work.
  const machine = createGrammarMachine(grammar);
  let state: GrammarState | undefined = machine.renew(machine.start, MAX_TEXT_WORK);
  for (const byte of bytes) {
    try {
      state = machine.step(state, byte);
    } catch (error) {
      if (error instanceof GrammarError) return 'forbidden';
      throw error;
    }
    if (state === undefined) return 'forbidden';
  }
  return state.isComplete ? 'whole' : 'beginning';
}

const GRAMMAR_DOMAIN = utf8Encode('ogong-grammar-v1\n');

/** Computes the hash by which a header names a grammar, 32 bytes. */
export const hashGrammar = (crypto: Crypto, text: string): Uint8Array =>
  crypto.sha256(GRAMMAR_DOMAIN, utf8Encode(text));
