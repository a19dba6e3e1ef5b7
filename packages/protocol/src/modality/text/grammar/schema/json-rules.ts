/**
 * JSON as rules of a grammar (docs/spec/grammar.md). Numbers have only as many digits as a double keeps, and blanks are few.
 * Otherwise a weak model would write either without end. No text contains half a character.
 */
export const JSON_RULES: Readonly<Record<string, string>> = {
  space: '(" " | "\\n" [ \\t]{0,20})?',
  hex: '[0-9a-fA-F]',
  escaped: '"\\\\" (["\\\\/bfnrt] | "u" ([0-9a-ce-fA-CE-F] hex hex hex | [dD] [0-7] hex hex))',
  plain: '[^"\\\\\\x00-\\x1F\\x7F]',
  char: 'plain | escaped',
  string: '"\\"" char* "\\""',
  integer: '"-"? ("0" | [1-9] [0-9]{0,14})',
  number: 'integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
  boolean: '"true" | "false"',
  null: '"null"',
  member: 'string ":" space value',
  object: '"{" space (member ("," space member)* space)? "}"',
  array: '"[" space (value ("," space value)* space)? "]"',
  value: 'object | array | string | number | boolean | null',
};

/** The rules that each of these rules names. */
export const JSON_NEEDS: Readonly<Record<string, readonly string[]>> = {
  escaped: ['hex'],
  char: ['plain', 'escaped'],
  string: ['char'],
  number: ['integer'],
  member: ['string', 'space', 'value'],
  object: ['member', 'space'],
  array: ['value', 'space'],
  value: ['object', 'array', 'string', 'number', 'boolean', 'null'],
};
