import type { UpstreamEngine } from '@ogong/engine/upstream/engine';

/** A server's row in docs/upstream.md: the probe's findings, and the requests that an engine in front of it accepts. */
export function formatRow(name: string, { findings, info }: Pick<UpstreamEngine, 'findings' | 'info'>): string {
  const { usage, tokenIds, alternatives, promptLogprobs, seeds, hiddenStates, contextSize } = findings;
  const { prompts, tools, grammar, filters, repetition, bias } = info().capabilities;
  const yes = (is: boolean): string => (is ? 'yes' : 'no');
  const takes = [
    ...prompts,
    ...(tools ? ['tools'] : []),
    ...(filters ? ['top_k, min_p'] : []),
    ...(repetition === 'none' ? [] : ['repetition_penalty']),
    ...(repetition === 'windowed' ? ['repeat_last_n'] : []),
    ...(bias ? ['logit_bias'] : []),
    ...(grammar ? ['grammars'] : []),
  ];
  const cells = [
    ...[name, yes(usage), yes(tokenIds), alternatives === 0 ? 'no' : String(alternatives), yes(promptLogprobs)],
    ...[seeds, yes(hiddenStates), contextSize === undefined ? 'no' : 'yes', takes.join(', ')],
  ];
  return `| ${cells.join(' | ')} |`;
}

export const HEAD = [
  '| server | counts tokens | names tokens | log-probabilities | of prompts | seeds | hidden states | says its context | takes |',
  '|---|---|---|---|---|---|---|---|---|',
];
