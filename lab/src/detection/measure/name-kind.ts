/**
 * What an attack does, in the words of whoever has to act on a verdict. Attacks of one kind leave the same trace: noise on
 * weights and a fine-tune of the same size cannot be told apart by what they compute, and need not be.
 */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^(prefill|massaged|renamed|resale)/, 'tokens of another model under true values'],
  [/noise|fine-tune|adapter/, 'changed weights'],
  // The last of these all serve them, behind another disguise.
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
