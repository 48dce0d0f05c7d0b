// Reading TypeScript without a compiler: enough to tell code from comments and strings.

/** @typedef {{ specifier: string, typeOnly: boolean, line: number }} Import */

/**
 * The code with comments and the contents of strings blanked out; lines and columns stay where they are. What
 * stands in `${}` of a template is code. A regular expression is told from a division by what comes before it.
 * @param {string} text
 * @returns {string}
 */
export function codeOf(text) {
  const out =
    [...text].length === text.length
      ? text.split("")
      : Array.from({ length: text.length }, (_, i) => text[i]);
  const templates = []; // depth of braces at each open `${`
  let depth = 0;
  let last = ""; // the last character of code that is not a space
  let at = 0;
  while (at < text.length) {
    const end = skipped(text, at, last);
    if (end > at) {
      blank(out, at, end);
      if (text[at] !== "/" || (text[at + 1] !== "/" && text[at + 1] !== "*")) last = '"';
      at = end;
      continue;
    }
    const char = text[at];
    if (char === "`" || (char === "}" && templates.at(-1) === depth)) {
      if (char === "}") templates.pop();
      const stop = templateEnd(text, at + 1);
      blank(out, at + 1, stop);
      if (text.startsWith("${", stop)) {
        templates.push(depth);
        at = stop + 2;
        last = "{";
      } else {
        at = stop + 1;
        last = "`";
      }
      continue;
    }
    if (char === "{") depth++;
    if (char === "}") depth--;
    if (!/\s/.test(char))
      last =
        /\w/.test(char) && /\w/.test(last.at(-1) ?? "") && /\w/.test(text[at - 1] ?? "") ? last + char : char;
    at++;
  }
  return out.join("");
}

/** Where a comment, a quoted string or a regular expression that begins here ends; the same place if none does. */
function skipped(text, at, last) {
  const char = text[at];
  if (char === "/" && text[at + 1] === "/") return endOr(text.indexOf("\n", at), text);
  if (char === "/" && text[at + 1] === "*") return endOr(text.indexOf("*/", at + 2) + 2, text, 1);
  if (char === '"' || char === "'") return quotedEnd(text, at, char);
  if (char === "/" && regexMayStart(last)) return regexEnd(text, at);
  return at;
}

const BEFORE_REGEX = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "delete",
  "void",
  "await",
  "yield",
  "else",
]);

function regexMayStart(last) {
  return last === "" || BEFORE_REGEX.has(last) || /[^\w$)\]}"'`]$/.test(last);
}

function endOr(index, text, least = -1) {
  return index <= least ? text.length : index;
}

function quotedEnd(text, at, quote) {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === quote || text[i] === "\n") return i + 1;
  }
  return text.length;
}

function regexEnd(text, at) {
  let inClass = false;
  for (let i = at + 1; i < text.length && text[i] !== "\n"; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "[") inClass = true;
    else if (text[i] === "]") inClass = false;
    else if (text[i] === "/" && !inClass) return i + 1;
  }
  return at; // it was a division after all
}

function templateEnd(text, at) {
  for (let i = at; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "`" || text.startsWith("${", i)) return i;
  }
  return text.length;
}

function blank(out, from, to) {
  for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
}

const IMPORT = /(?:^|[;}\s])(import|export)(\s+type)?\b([^;"'`]*?)\bfrom\s*$|(?:^|[;}\s])(import)\s*\(?\s*$/;

/**
 * What a module imports: `import … from`, `export … from`, bare imports, and `import()` of a literal.
 * @param {string} text
 * @returns {Import[]}
 */
export function importsOf(text) {
  const code = codeOf(text);
  const found = [];
  for (const match of text.matchAll(/(["'])((?:(?!\1)[^\\\n])*)\1/g)) {
    if (code[match.index] !== " ") continue; // inside a template's text, or not a string
    const before = code.slice(Math.max(0, match.index - 4000), match.index);
    const statement = IMPORT.exec(before);
    if (statement === null || insideComment(text, code, match.index)) continue;
    found.push({
      specifier: match[2],
      typeOnly: statement[2] !== undefined,
      line: lineOf(text, match.index),
    });
  }
  return found;
}

/** A quote in a comment is blank in `code` as a quote in code is; there the code before it shows no `from`. */
function insideComment(text, code, index) {
  const lineStart = text.lastIndexOf("\n", index) + 1;
  const comment = text.slice(lineStart, index).match(/\/\/|\/\*|^\s*\*/);
  return comment !== null && code.slice(lineStart + comment.index, index).trim() === "";
}

/** @returns {number} counted from 1 */
export function lineOf(text, index) {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < index; i = text.indexOf("\n", i + 1)) line++;
  return line;
}
