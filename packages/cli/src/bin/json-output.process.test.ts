import { execFileSync } from 'node:child_process';
import { findProgram } from '@ogong/testing/processes/find-program';
import { describe, expect, it } from 'vitest';

const PROGRAMS = {
  ogong: findProgram(new URL('./ogong.ts', import.meta.url)),
  'ogong-provider': findProgram(new URL('../../../provider/src/bin/ogong-provider.ts', import.meta.url)),
} as const;
type Program = keyof typeof PROGRAMS;

const READY_LINE = 'a daemon: its ready line and its log are JSON already';
const SCRIPT = 'it prints a script for a shell';
const LINES = 'it prints JSON lines already';
const EVIDENCE = 'it prints evidence, which is JSON already';

/** Commands without --json, and the reason. Every other command has the flag. */
const WITHOUT_JSON: Readonly<Record<Program, Readonly<Record<string, string>>>> = {
  ogong: { completion: SCRIPT, 'memory export': LINES },
  'ogong-provider': {
    local: READY_LINE,
    segment: READY_LINE,
    serve: READY_LINE,
    start: READY_LINE,
    proxy: READY_LINE,
    quote: EVIDENCE,
    testimony: EVIDENCE,
    completion: SCRIPT,
  },
};

/** Lists every command of a program with its flags, from the script of its completion. */
function listCommands(program: Program): Map<string, readonly string[]> {
  const argv = ['--disable-warning=ExperimentalWarning', PROGRAMS[program], 'completion', 'bash'];
  const script = execFileSync(process.execPath, argv, { encoding: 'utf8' });
  const places = [...script.matchAll(/^ {4}'([a-z][a-z -]*)'\) words='([^']*)' ;;$/gm)]
    .map(([, path = '', words = '']) => ({ path, words: words.split(' ') }))
    .filter(({ path }) => !path.includes('--'));
  const hasOwnFlags = (path: string): boolean =>
    places.some((place) => place.path === path && place.words.some((word) => word !== '--help' && /^--/.test(word)));
  const isGroup = (path: string): boolean =>
    path !== 'completion' && places.some((other) => other.path.startsWith(`${path} `)) && !hasOwnFlags(path);
  // Values of an argument, as of `install <local|serve>`, stand in the script like commands.
  const isValue = (path: string): boolean => {
    const [parent = '', value] = path.split(' ');
    return value !== undefined && (parent === 'completion' || hasOwnFlags(parent));
  };
  return new Map(places.filter(({ path }) => !isGroup(path) && !isValue(path)).map(({ path, words }) => [path, words]));
}

describe.each(Object.keys(PROGRAMS) as Program[])('%s', (program) => {
  it('has --json in every command, or a stated reason', () => {
    const commands = listCommands(program);
    expect(commands.size).toBeGreaterThan(15);
    const lacking = [...commands].filter(([, words]) => !words.includes('--json')).map(([path]) => path);
    expect(lacking.sort()).toEqual(Object.keys(WITHOUT_JSON[program]).sort());
  });
});
