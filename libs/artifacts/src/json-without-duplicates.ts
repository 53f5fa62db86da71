/** `JSON.parse` keeps the last of several members of one name; here they are an error. */

/**
 * Parses JSON text and refuses objects, at any depth, in which a name occurs twice, however it is escaped.
 * @throws SyntaxError saying what is wrong
 */
export function parseJsonWithoutDuplicates(text: string): unknown {
  const value = JSON.parse(text) as unknown;
  const repeated = repeatedName(text);
  if (repeated !== null) throw new SyntaxError(`the key ${shown(repeated)} occurs twice`);
  return value;
}

/** A name for a message: quoted, and cut where it would fill the screen. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

/** The first name that occurs twice in one object of `text`, which must be valid JSON. No recursion, however deep. */
function repeatedName(text: string): string | null {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') open.push(new Set());
    else if (text[at] === '}') open.pop();
    else if (text[at] === '"') {
      const end = closingQuote(text, at);
      if (isName(text, end + 1)) {
        const name = JSON.parse(text.slice(at, end + 1)) as string;
        const names = open.at(-1)!;
        if (names.has(name)) return name;
        names.add(name);
      }
      at = end;
    }
  }
  return null;
}

function closingQuote(text: string, openingQuote: number): number {
  let at = openingQuote + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** Whether a colon follows: the string before it is a name then, and no value. */
function isName(text: string, after: number): boolean {
  let at = after;
  while (' \t\r\n'.includes(text[at] ?? '')) at++;
  return text[at] === ':';
}
