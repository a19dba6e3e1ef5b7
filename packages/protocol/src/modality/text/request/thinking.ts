import { applyRules, type DroppedFields, type FieldRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { NO_WISH, type ThinkingWish } from '../commitment/thinking-wish.ts';
import { REASONING_FIELDS, TEMPLATE_FIELDS, THINKING_FIELDS } from '../fields/chat-fields.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The thinking settings of a request. */
export interface AskedThinking {
  readonly thinking: ThinkingWish;
  /** The fields that set it, for messages that a model ignores them. */
  readonly params: readonly string[];
}

/** The levels of all APIs, as templates name them. */
const EFFORTS: Readonly<Record<string, ThinkingWish['effort']>> = {
  ...{ minimal: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'high', max: 'high' },
};

const readEffort = (value: unknown, param: string): ThinkingWish => {
  if (value === 'none') return { wanted: 'no', effort: 'unsaid' };
  const effort = typeof value === 'string' && Object.hasOwn(EFFORTS, value) ? EFFORTS[value] : undefined;
  if (effort !== undefined) return { wanted: 'yes', effort };
  throw new RequestError(`${param} must be one of none, ${Object.keys(EFFORTS).join(', ')}`, param);
};

const readSwitch = (value: unknown, param: string): ThinkingWish => {
  if (typeof value !== 'boolean') throw new RequestError(`${param} must be a boolean`, param);
  return { ...NO_WISH, wanted: value ? 'yes' : 'no' };
};

/** Types of thinking. `adaptive` leaves it to the model. */
const TYPES: Readonly<Record<string, ThinkingWish>> = {
  enabled: { ...NO_WISH, wanted: 'yes' },
  disabled: { ...NO_WISH, wanted: 'no' },
  adaptive: NO_WISH,
};

const readType = (value: unknown, param: string): ThinkingWish => {
  const wish = typeof value === 'string' && Object.hasOwn(TYPES, value) ? TYPES[value] : undefined;
  if (wish !== undefined) return wish;
  throw new RequestError(`${param} must be one of ${Object.keys(TYPES).join(', ')}`, param);
};

type Reader = (value: unknown, param: string) => ThinkingWish;

/** Fields that set it directly. */
const PLAIN: Readonly<Record<string, Reader>> = { reasoning_effort: readEffort, enable_thinking: readSwitch };

/** The objects about thinking, with the parsers of their keys. */
const OBJECTS: Readonly<
  Record<string, { readonly readers: Readonly<Record<string, Reader>>; readonly rules: FieldRules }>
> = {
  reasoning: { readers: { effort: readEffort, enabled: readSwitch }, rules: REASONING_FIELDS },
  thinking: { readers: { type: readType }, rules: THINKING_FIELDS },
  chat_template_kwargs: {
    readers: { enable_thinking: readSwitch, thinking: readSwitch, reasoning_effort: readEffort },
    rules: TEMPLATE_FIELDS,
  },
};

/** Parses all ways in which clients of chats set thinking. Equivalent ways may be combined. @throws RequestError */
export function parseThinking(fields: Fields, collected: DroppedFields = { dropped: [] }): AskedThinking {
  const wishes = Object.entries(PLAIN).flatMap(([key, read]) =>
    isAbsent(fields[key]) ? [] : [[key, read(fields[key], key)] as const],
  );
  for (const [key, { readers, rules }] of Object.entries(OBJECTS)) {
    const given = fields[key];
    if (isAbsent(given)) continue;
    if (typeof given !== 'object' || Array.isArray(given)) throw new RequestError(`${key} must be an object`, key);
    applyRules(collected, given as Fields, rules, key);
    for (const [name, read] of Object.entries(readers)) {
      const value = (given as Fields)[name];
      if (!isAbsent(value)) wishes.push([`${key}.${name}`, read(value, `${key}.${name}`)]);
    }
  }
  const thinking = wishes.reduce<ThinkingWish>((said, [param, wish]) => join(said, wish, param), NO_WISH);
  return { thinking, params: wishes.flatMap(([param, { wanted }]) => (wanted === 'unsaid' ? [] : [param])) };
}

/** @throws RequestError if two fields disagree. */
function join(said: ThinkingWish, wish: ThinkingWish, param: string): ThinkingWish {
  const pick = <T extends string>(before: T | 'unsaid', now: T | 'unsaid'): T | 'unsaid' => {
    if (before === 'unsaid' || now === 'unsaid' || before === now) return before === 'unsaid' ? now : before;
    throw new RequestError(`${param}: another field says another thing about thinking; leave one of both out`, param);
  };
  return { wanted: pick(said.wanted, wish.wanted), effort: pick(said.effort, wish.effort) };
}
