/**
 * Kinds of attacks, for the reader of a verdict. Attacks of one kind leave the same trace. For example, noise on weights and a
 * fine-tune of the same size compute alike.
 */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^(prefill|massaged|renamed|resale)/, 'tokens of another model under true values'],
  [/noise|fine-tune|adapter/, 'changed weights'],
  // Those after `weights-q` serve quantised weights too, in another disguise.
  [/^weights-q|^(substitute|looser-class|sketch-trained)$|^cheat-/, 'quantised weights'],
  [/^kv-/, 'quantised cache'],
  [/^sliding-window/, 'shortened context'],
  [/layer|pruned/, 'another model'],
  [/^sketch/, 'forged sketches'],
  [/^(hidden-system-prompt|prompt-truncated|dropped-tool)/, 'another prompt'],
  [/^tail-/, 'unlisted tokens of its own choice'],
];

export function nameKind(attack: string): string {
  return KINDS.find(([pattern]) => pattern.test(attack))?.[1] ?? attack;
}
