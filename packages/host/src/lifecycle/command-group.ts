import { suggest } from '../config/suggest.ts';
import { EXIT } from '../log/errors.ts';
import type { Command, Output } from './command.ts';

export interface Verb {
  readonly summary: string;
  run(argv: readonly string[], output: Output): Promise<number>;
}

export interface CommandGroup {
  readonly program: string;
  /** As it is typed after the program's name. */
  readonly name: string;
  readonly summary: string;
  readonly verbs: Readonly<Record<string, Verb>>;
  /** Action of the group if a flag follows it instead of a verb. */
  readonly bare?: Verb['run'];
  /** Whole command lines. */
  readonly examples: readonly string[];
}

/** A command with commands of its own. Its help names them and ends with examples. */
export function createCommandGroup(group: CommandGroup): Command {
  const { program, name, summary, verbs, bare } = group;
  const names = Object.keys(verbs);
  return {
    name,
    summary,
    async run([verb = '', ...rest], output) {
      const isHelp = verb === 'help' || ((verb === '--help' || verb === '-h') && rest.length === 0);
      if (isHelp) {
        output.write(formatGroupHelp(group));
        return EXIT.ok;
      }
      const found = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
      if (found) return found.run(rest, output);
      if (bare && (verb === '' || verb.startsWith('-'))) return bare([verb, ...rest].filter(Boolean), output);
      const what = verb === '' ? 'say' : `there is no ${verb.slice(0, 40)}${suggest(verb, names)}; say`;
      const last = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
      output.writeError(`${program} ${name}: ${what} ${last}\n`);
      return EXIT.usage;
    },
  };
}

function formatGroupHelp({ program, name, summary, verbs, bare, examples }: CommandGroup): string {
  const width = Math.max(...Object.keys(verbs).map((verb) => verb.length));
  const lines = Object.entries(verbs).map(([verb, about]) => `  ${verb.padEnd(width)}  ${about.summary}`);
  const usage = `Usage: ${program} ${name} ${bare ? '[<command>]' : '<command>'} [flags]`;
  const more = `${program} ${name} <command> --help says more.`;
  const shown = examples.map((example) => `  ${example}`);
  return [`${summary}`, '', usage, '', ...lines, '', more, '', 'Examples:', ...shown, ''].join('\n');
}
