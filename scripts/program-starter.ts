import { posix } from 'node:path';

/** Exit code of sysexits(3) for a missing support program (packages/host/src/log/errors.ts). */
const UNAVAILABLE = 69;

export interface StartedProgram {
  /** As it is typed. */
  readonly name: string;
  /** Path of the starter within its package, and that of the compiled program. */
  readonly starter: string;
  readonly program: string;
  /** First line of the program: it may name flags of Node. */
  readonly firstLine: string;
  /** `engines.node` of the package, such as `>=24`. */
  readonly engines: string;
}

/**
 * Writes the file that npm links as a command. Every Node since 14 can load it. It imports the program, whose syntax and modules need a
 * newer Node, only if this Node is new enough. Otherwise it prints one line.
 */
export function formatStarter({ name, starter, program, firstLine, engines }: StartedProgram): string {
  const [, needed] = /^>=(\d+)$/.exec(engines) ?? [];
  if (needed === undefined) throw new Error(`${name}: engines.node is ${engines}, not >= and a number`);
  // An old Node refuses its own flags that it does not know, and takes those of V8.
  const flags = (/^#!\/usr\/bin\/env -S node (.+)$/.exec(firstLine)?.[1] ?? '').split(' ').filter(Boolean);
  const ofV8 = flags.filter((flag) => flag !== HIDE_EXPERIMENTAL);
  const unknown = ofV8.filter((flag) => !/^--(?:heap|max)-/.test(flag));
  if (unknown.length > 0) throw new Error(`${name}: an old Node may refuse ${unknown.join(' ')}`);
  const target = posix.relative(posix.dirname(starter), program);
  const advice = `install it from https://nodejs.org, or beside this package: npm install node@${needed}`;
  return `#!/usr/bin/env ${ofV8.length === 0 ? 'node' : `-S node ${ofV8.join(' ')}`}
var version = process.versions.node;
if (Number(version.split('.')[0]) < ${needed}) {
  console.error('${name} needs Node ${needed} or later, and this is Node ' + version + '; ${advice}');
  process.exit(${UNAVAILABLE});
}
${flags.includes(HIDE_EXPERIMENTAL) ? HIDING : ''}import('./${target.replace(/^\.\//, '')}');
`;
}

const HIDE_EXPERIMENTAL = '--disable-warning=ExperimentalWarning';

/** The same as that flag, for this process. */
const HIDING = `var emitWarning = process.emitWarning;
process.emitWarning = function (warning, type) {
  var named = typeof type === 'object' && type !== null ? type.type : type;
  if ((warning && warning.name) !== 'ExperimentalWarning' && named !== 'ExperimentalWarning')
    emitWarning.apply(process, arguments);
};
`;
