/** A visitor whose result says what it was given: names, modes and oids of its args and of its children. */
import { Entry, Kind, Mode, hex, job, out, putBlob } from "../sdk/guest";
import { JsonWriter } from "../sdk/json";
import { children } from "../sdk/visit";

export function caos_run(): void {
  const json = new JsonWriter();
  json.raw('{"args":');
  list(json, [job.arg("children"), job.arg("in")]);
  json.raw(',"children":');
  list(json, children());
  json.raw("}");
  out(Kind.Blob, putBlob(json.bytes()));
}

function list(json: JsonWriter, entries: Entry[]): void {
  json.raw("[");
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    if (index > 0) json.raw(",");
    const mode = entry.mode == Mode.Folder ? " 40000 " : entry.mode == Mode.File ? " 100644 " : " another mode ";
    json.string(entry.name + mode + hex(entry.oid));
  }
  json.raw("]");
}
