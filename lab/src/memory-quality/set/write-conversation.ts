import { markRecalled } from '@ogong/memory/pipeline/recalled';
import type { ConversationMessage } from '@ogong/memory/pipeline/turns';
import { createSeededRandom, pick } from '@ogong/protocol/base/seeded-random';
import type { MemoryQuestion, SetConversation, SetFact, SetTrap } from './conversation.ts';
import { createSlotFiller, shuffle } from './slots.ts';
import { CHATTER, PASTED, PLANTED, RECALLED, REPLIES, TOOL_OUTPUT } from './small-talk.ts';
import type { Half, Thread, Trap } from './threads.ts';

const SESSIONS = 6;
/** Topics of one user, of about 60 in a half. */
const TOPICS = 40;
const TRAPS = 20;
/** Questions about facts that were corrected, and about others. */
const ASKED = { corrected: 2, others: 3 };
/** The session with a pasted prompt, and the one with recalled text and the output of a tool. */
const [PASTED_IN, RECALLED_IN] = [2, 4];
const FIRST_DAY_MS = Date.UTC(2025, 0, 6, 9);
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

interface Said {
  readonly session: number;
  readonly say: string;
  /** Undefined for a trap. */
  readonly fact: Omit<SetFact, 'session' | 'message' | 'say' | 'ends' | 'same'> | undefined;
  readonly thread: Thread | undefined;
  readonly step: number;
}

/** Writes one conversation. Equal arguments give an equal one. */
export function writeConversation(
  { half, index }: { readonly half: Half; readonly index: number },
  material: { readonly threads: readonly Thread[]; readonly traps: readonly Trap[] },
): SetConversation {
  const random = createSeededRandom(1_000 * (half === 'tuning' ? 1 : 2) + index);
  const slots = createSlotFiller(random);
  const threads = shuffle(
    random,
    material.threads.filter((one) => one.half === half),
  ).slice(0, TOPICS);
  const asked = chooseAsked(threads);
  const questions: MemoryQuestion[] = [];
  const said: Said[] = [];
  const asks: { readonly thread: Thread; readonly step: number; readonly ask: string; readonly answer: string }[] = [];
  for (const thread of threads) {
    slots.start();
    said.push(...sayThread(thread, { random, fill: slots.fill }));
    for (const { ask, answer, step } of asked.includes(thread) ? thread.asks.slice(0, 1) : [])
      asks.push({ thread, step, ask: slots.fill(ask), answer: slots.fill(answer) });
  }
  const traps = shuffle(
    random,
    material.traps.filter((one) => one.half === half),
  )
    .slice(0, TRAPS)
    .map((trap): SetTrap => {
      slots.start();
      return { say: slots.fill(trap.say), reading: slots.fill(trap.reading) };
    });
  for (const { say } of traps)
    said.push({ session: Math.floor(random() * SESSIONS), say, fact: undefined, thread: undefined, step: 0 });
  const { sessions, placed } = writeSessions(shuffle(random, said), { random, startMs: FIRST_DAY_MS + index * DAY_MS });
  const { facts, find } = listFacts(placed);
  for (const { thread, step, ask, answer } of asks) {
    const fact = find(thread, step) as number;
    questions.push({ ask, answer, fact, stale: facts[fact]?.ends });
  }
  const planted = [...PLANTED, ...PASTED, ...TOOL_OUTPUT, ...RECALLED];
  return { id: `${half}-${index + 1}`, half, sessions, facts, traps, planted, questions };
}

/** Topics with a correction first, since their answers may be stale. */
function chooseAsked(threads: readonly Thread[]): readonly Thread[] {
  const isCorrected = ({ steps, asks }: Thread): boolean => steps[asks[0]?.step ?? 0]?.ends !== undefined;
  const answerable = threads.filter(({ asks }) => asks.length > 0);
  const corrected = answerable.filter(isCorrected).slice(0, ASKED.corrected);
  return [...corrected, ...answerable.filter((one) => !isCorrected(one)).slice(0, ASKED.others)];
}

/** Places the steps of a topic into ascending sessions. */
function sayThread(
  thread: Thread,
  { random, fill }: { readonly random: () => number; readonly fill: (text: string) => string },
): readonly Said[] {
  const sessions = shuffle(
    random,
    Array.from({ length: SESSIONS }, (_, session) => session),
  );
  const chosen = sessions.slice(0, thread.steps.length).toSorted((a, b) => a - b);
  return thread.steps.map(({ say, fact, subject = 'user', when }, step) => ({
    ...{ session: chosen[step] as number, thread, step, say: fill(say) },
    fact: { text: fill(fact), subject: fill(subject), when },
  }));
}

interface Placed extends Said {
  readonly message: number;
}

function writeSessions(
  said: readonly Said[],
  { random, startMs }: { readonly random: () => number; readonly startMs: number },
): { readonly sessions: readonly (readonly ConversationMessage[])[]; readonly placed: readonly Placed[] } {
  const placed: Placed[] = [];
  let atMs = startMs;
  const sessions = Array.from({ length: SESSIONS }, (_, session) => {
    atMs += (17 + Math.floor(random() * 40)) * DAY_MS;
    const messages: ConversationMessage[] = [];
    const add = (role: string, content: string) =>
      messages.push({ role, content, timeMs: atMs + messages.length * MINUTE_MS });
    add('system', PLANTED.join(' '));
    if (session === PASTED_IN) add('user', `${PASTED.join(' ')}\n\nThat is the prompt that I am testing.`);
    if (session === RECALLED_IN) add('tool', TOOL_OUTPUT.join(' '));
    if (session === RECALLED_IN) add('user', `${markRecalled(RECALLED.join(' '))}\nWhat do you know about me?`);
    for (const one of said.filter((each) => each.session === session)) {
      placed.push({ ...one, message: messages.length });
      add('user', dress(one.say, random));
      add('assistant', pick(random, REPLIES));
    }
    return messages;
  });
  return { sessions, placed };
}

/** Puts small talk before or behind a statement. */
function dress(say: string, random: () => number): string {
  const drawn = random();
  if (drawn < 0.3) return `${pick(random, CHATTER)} ${say}`;
  return drawn < 0.6 ? `${say} ${pick(random, CHATTER)}` : say;
}

function listFacts(placed: readonly Placed[]) {
  const stated = placed.filter(({ fact }) => fact !== undefined);
  const find = (thread: Thread | undefined, step: number | undefined): number | undefined => {
    const at = stated.findIndex((one) => one.thread === thread && one.step === step);
    return at < 0 ? undefined : at;
  };
  const facts = stated.map(({ fact, say, session, message, thread, step }, index): SetFact => {
    const { ends, repeats } = thread?.steps[step] ?? {};
    return {
      ...{ ...(fact as NonNullable<Said['fact']>), say, session, message },
      ...{ ends: find(thread, ends), same: find(thread, repeats) ?? index },
    };
  });
  return { facts, find };
}
