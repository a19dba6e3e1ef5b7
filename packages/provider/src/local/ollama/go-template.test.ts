import { describe, expect, it } from 'vitest';
import { renderGoTemplate } from './go-template.ts';

const texts = { System: '', Prompt: 'Why?', Response: '', Suffix: '' };

describe('a template of /api/generate', () => {
  it.each([
    ['{{ .Prompt }}', {}, 'Why?'],
    ['{{.Prompt}}!', {}, 'Why?!'],
    ['{{ if .System }}<s>{{ .System }}</s>{{ end }}{{ .Prompt }}', {}, 'Why?'],
    ['{{ if .System }}<s>{{ .System }}</s>{{ end }}{{ .Prompt }}', { System: 'Be brief.' }, '<s>Be brief.</s>Why?'],
    ['{{ if .System }}a{{ else }}b{{ if .Prompt }}c{{ end }}{{ end }}', {}, 'bc'],
    ['{{ if .System }}a{{ if .Prompt }}c{{ else }}d{{ end }}{{ else }}b{{ end }}', {}, 'b'],
    ['[INST] {{ .Prompt }} [/INST]{{ .Response }}</s>', {}, '[INST] Why? [/INST]'],
    ['a \n{{- .Prompt -}}\n b', {}, 'aWhy?b'],
    ['{{/* nothing */}}{{ .Prompt }}', {}, 'Why?'],
    ['no field', {}, 'no field'],
  ])('%j writes its prompt', (template, more, prompt) => {
    expect(renderGoTemplate(template, { ...texts, ...more })).toBe(prompt);
  });

  it.each([
    ['{{ range .Messages }}{{ end }}', 'range .Messages'],
    ['{{ .Messages }}', '.Messages is not known'],
    ['{{ .constructor }}', '.constructor is not known'],
    ['{{ if .System }}', 'an if has no end'],
    ['{{ else }}', 'an else has no if'],
    ['{{ end }}', 'an end has no if'],
    ['{{ if .System }}a{{ else }}b{{ else }}c{{ end }}', 'an else has no if'],
    ['{{ .Prompt', 'a {{ has no }}'],
    // A pattern with several runs of blanks would need hours for these.
    [`{{${' '.repeat(60_000)}`, 'a {{ has no }}'],
    [`{{${' '.repeat(60_000)}x}}`, '{{ x }} is not known'],
    ['{{ if .System }}'.repeat(40), 'at most 32'],
    ['x'.repeat(70_000), 'at most 65536 characters'],
  ])('%.40j is refused', (template, words) => {
    expect(() => renderGoTemplate(template, texts)).toThrow(words);
  });
});
