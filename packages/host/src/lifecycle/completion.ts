import { ConfigError } from '../config/config-error.ts';
import { EXIT } from '../log/errors.ts';
import type { Command } from './command.ts';

/** Words that can follow a word, taken from its help. */
interface CompletionNode {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletionFlag[];
  readonly nodes: readonly CompletionNode[];
}

interface CompletionFlag {
  /** Without dashes. */
  readonly name: string;
  /** Its values; undefined for a switch, empty if any text fits. */
  readonly choices: readonly string[] | undefined;
  readonly about: string;
}

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** `completion bash|zsh|fish`: a script that completes the commands and flags of a program. */
export function createCompletionCommand(program: string, list: () => readonly Command[]): Command {
  const help = `Prints a script that completes commands and flags.

Usage: ${program} completion <bash|zsh|fish>

Examples:
  ${program} completion bash > ~/.local/share/bash-completion/completions/${program}
  ${program} completion zsh > ~/.zfunc/_${program}
  ${program} completion fish > ~/.config/fish/completions/${program}.fish
`;
  return {
    name: 'completion',
    summary: 'print a script that completes commands and flags in a shell',
    async run(argv, output) {
      if (argv.includes('--help') || argv.includes('-h')) {
        output.write(help);
        return EXIT.ok;
      }
      const shell = SHELLS.find((each) => each === argv[0]);
      if (shell === undefined || argv.length > 1)
        throw new ConfigError(`${program} completion`, ['name bash, zsh or fish']);
      const nodes: CompletionNode[] = [];
      for (const command of list()) nodes.push(await readNode(command.name, command.summary, command.run));
      output.write(WRITERS[shell](program, nodes));
      return EXIT.ok;
    },
  };
}

async function readHelp(run: Command['run'], argv: readonly string[]): Promise<string> {
  const written: string[] = [];
  await run([...argv, '--help'], { write: (text) => void written.push(text), writeError: () => undefined });
  return written.join('');
}

async function readNode(name: string, summary: string, run: Command['run']): Promise<CompletionNode> {
  const text = await readHelp(run, []);
  const nodes: CompletionNode[] = [];
  const [, verbs = ''] = /\nUsage: [^\n]*<?command>?\]? \[flags\]\n\n((?: {2}\S.*\n)+)/.exec(text) ?? [];
  for (const [, verb = '', about = ''] of verbs.matchAll(/^ {2}([a-z][a-z-]*) +(.*)$/gm)) {
    nodes.push({ name: verb, summary: about, flags: readFlags(await readHelp(run, [verb])), nodes: [] });
  }
  // The values of an argument, as `completion` has them.
  const [, choices] = /\nUsage: [^\n]*?<(\w+(?:\|\w+)+)>/.exec(text) ?? [];
  for (const choice of nodes.length > 0 ? [] : (choices?.split('|') ?? [])) {
    nodes.push({ name: choice, summary: '', flags: readFlags(text), nodes: [] });
  }
  return { name, summary, flags: readFlags(text), nodes };
}

/** A flag, its value, and the beginning of its description, which may be on the next line. */
const FLAG = /^ {2}--([a-z0-9-]+)(?: (<[^>\n]+>))?(?: {2,}|\n +)(.*)$/gm;

function readFlags(text: string): CompletionFlag[] {
  const flags = [...text.matchAll(FLAG)].map(([, name = '', value, about = '']) => ({
    name,
    about,
    choices: value === undefined ? undefined : /^<\w+(?:\|\w+)+>$/.test(value) ? readChoices(value) : [],
  }));
  return flags.some(({ name }) => name === 'help')
    ? flags
    : [...flags, { name: 'help', about: 'say more', choices: undefined }];
}

/** `<cpu|vulkan>` lists the values; `<path|name>` names the kinds of text that fit. */
const KINDS = new Set(['path', 'name', 'hash', 'cert', 'url', 'model', 'schema', 'address', 'id']);

function readChoices(value: string): readonly string[] {
  const choices = value.slice(1, -1).split('|');
  return choices.some((choice) => KINDS.has(choice)) ? [] : choices;
}

interface Place {
  /** The words before, such as `model pull`; empty at the beginning. */
  readonly path: string;
  readonly node: Pick<CompletionNode, 'flags' | 'nodes'>;
}

function listPlaces(nodes: readonly CompletionNode[]): readonly Place[] {
  return [
    { path: '', node: { flags: [], nodes } },
    ...nodes.map((node) => ({ path: node.name, node })),
    ...nodes.flatMap((node) => node.nodes.map((verb) => ({ path: `${node.name} ${verb.name}`, node: verb }))),
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const FUNCTION = (program: string): string => `_${program.replaceAll('-', '_')}`;

const WRITERS: Readonly<Record<Shell, (program: string, nodes: readonly CompletionNode[]) => string>> = {
  bash(program, nodes) {
    const places = listPlaces(nodes);
    const words = places.map(({ path, node }) => {
      const all = [...node.nodes.map(({ name }) => name), ...node.flags.map(({ name }) => `--${name}`)];
      return `    ${quote(path)}) words=${quote(all.join(' '))} ;;`;
    });
    const choices = places.flatMap(({ path, node }) =>
      node.flags
        .filter((flag) => flag.choices !== undefined && flag.choices.length > 0)
        .map(
          ({ name, choices: values = [] }) => `    ${quote(`${path} --${name}`)}) words=${quote(values.join(' '))} ;;`,
        ),
    );
    const taking = places.flatMap(({ path, node }) =>
      node.flags
        .filter((flag) => flag.choices?.length === 0)
        .map(({ name }) => `    ${quote(`${path} --${name}`)}) COMPREPLY=(); return ;;`),
    );
    return `# bash completion of ${program}
${FUNCTION(program)}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path='' words='' i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "\${path:+$path }$word" in
${places
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      ${quote(path)}) path="\${path:+$path }$word" ;;`)
  .join('\n')}
    esac
  done
  case "$path" in
${words.join('\n')}
  esac
  case "$path $prev" in
${[...choices, ...taking].join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F ${FUNCTION(program)} ${program}
`;
  },
  zsh(program, nodes) {
    const describe = (name: string, about: string): string =>
      quote(`${name.replaceAll(':', '\\:')}:${about.replaceAll(':', '\\:')}`);
    const cases = listPlaces(nodes).map(({ path, node }) => {
      const verbs = node.nodes.map(({ name, summary }) => describe(name, summary));
      const flags = node.flags.map(({ name, about }) => describe(`--${name}`, about));
      return `    ${quote(path)}) verbs=(${verbs.join(' ')}); flags=(${flags.join(' ')}) ;;`;
    });
    const paths = listPlaces(nodes).filter(({ path }) => path !== '');
    return `#compdef ${program}
# zsh completion of ${program}
${FUNCTION(program)}() {
  local -a verbs flags
  local at='' word
  for word in \${words[2,CURRENT-1]}; do
    case "\${at:+$at }$word" in
${paths.map(({ path }) => `      ${quote(path)}) at="\${at:+$at }$word" ;;`).join('\n')}
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  (( \${#verbs} )) && _describe command verbs
  _describe -o flag flags
  (( \${#verbs} )) || _files
}
compdef ${FUNCTION(program)} ${program}
`;
  },
  fish(program, nodes) {
    const within = (path: string): string =>
      path === ''
        ? '__fish_use_subcommand'
        : path
            .split(' ')
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join('; and ');
    const lines = listPlaces(nodes).flatMap(({ path, node }) => [
      ...node.nodes.map(({ name, summary }) => {
        const others = node.nodes.map((each) => each.name).join(' ');
        const unless = path === '' ? '' : `; and not __fish_seen_subcommand_from ${others}`;
        return `complete -c ${program} -n ${quote(`${within(path)}${unless}`)} -f -a ${name} -d ${quote(summary)}`;
      }),
      ...node.flags.map(({ name, choices, about }) => {
        const value = choices === undefined ? '' : choices.length > 0 ? ` -x -a ${quote(choices.join(' '))}` : ' -r';
        return `complete -c ${program} -n ${quote(within(path))} -l ${name}${value} -d ${quote(about)}`;
      }),
    ]);
    return `# fish completion of ${program}\n${lines.join('\n')}\n`;
  },
};
