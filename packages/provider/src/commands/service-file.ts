/** A program that the system starts at login and starts again when it fails. */
export interface ServicePlan {
  /** Such as `ogong-provider-local`. */
  readonly name: string;
  readonly description: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** A unit of systemd for one user. A stop reaches the launcher alone, which hands it on: a second signal would end the program in the middle of its answers. */
export function formatUnit({ description, argv, environment }: ServicePlan): string {
  const variables = Object.entries(environment).map(
    ([name, value]) => `Environment=${quoteUnit(`${name}=${value}`, false)}`,
  );
  return `[Unit]
Description=${description}
After=network-online.target

[Service]
Type=exec
ExecStart=${argv.map((word) => quoteUnit(word, true)).join(' ')}
${variables.join('\n')}${variables.length > 0 ? '\n' : ''}Restart=on-failure
RestartSec=5
KillMode=mixed
TimeoutStopSec=30
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=default.target
`;
}

/** systemd reads percent signs everywhere, and dollar signs on a command line. Source: systemd.service(5), systemd.syntax(7). */
function quoteUnit(word: string, isCommand: boolean): string {
  const plain = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('%', '%%');
  return `"${isCommand ? plain.replaceAll('$', '$$$$') : plain}"`;
}

export const labelOf = ({ name }: Pick<ServicePlan, 'name'>): string => `network.ogong.${name}`;

/** A property list for launchd, of one user. Source: launchd.plist(5). */
export function formatPlist(plan: ServicePlan, logPath: string): string {
  const text = (value: string): string => `<string>${escapeXml(value)}</string>`;
  const variables = Object.entries(plan.environment).map(
    ([name, value]) => `    <key>${escapeXml(name)}</key>${text(value)}\n`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>${text(labelOf(plan))}
  <key>ProgramArguments</key>
  <array>
${plan.argv.map((word) => `    ${text(word)}\n`).join('')}  </array>
  <key>EnvironmentVariables</key>
  <dict>
${variables.join('')}  </dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>ThrottleInterval</key><integer>5</integer>
  <key>Umask</key><integer>63</integer>
  <key>StandardOutPath</key>${text(logPath)}
  <key>StandardErrorPath</key>${text(logPath)}
</dict>
</plist>
`;
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
