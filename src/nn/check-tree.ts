/**
 * What must hold of a tree of modules before anything walks it: it is a tree, its modules are where they are found,
 * and none hides what modules themselves have.
 */
import { UserError } from "../errors.ts";
import { Parameter, StateBuffer } from "../ir/stored-tensor.ts";
import type { Module } from "./module.ts";

/** @param base the prototype whose members no child may hide, and by which modules are known */
export function checkTree(root: Module, base: Module): void {
  const isModule = (value: unknown): value is Module =>
    typeof value === "object" && value !== null && base.isPrototypeOf(value);
  const done = new Set<Module>();
  const held: { readonly place: string; readonly what: string; readonly value: unknown }[] = [];
  const registered = new Set<unknown>();

  const visit = (module: Module, above: readonly Module[], path: string): void => {
    if (above.includes(module))
      throw new UserError(
        "model",
        `${className(root)}: the module '${path}' holds itself: it is ${module === root ? "the network" : `a ${className(module)}`} above. Keep references to modules above in a private field (#parent), which is not searched for modules.`,
      );
    if (done.has(module)) return;
    done.add(module);
    for (const [property, value] of Object.entries(module)) {
      const place = path === "" ? property : `${path}.${property}`;
      const isStored = value instanceof Parameter || value instanceof StateBuffer;
      if (isStored) registered.add(value);
      if ((isModule(value) || isStored) && (property in base || property === "forward"))
        throw new UserError(
          "model",
          `${className(module)}: ${isStored ? "a parameter" : "a child"} cannot be called '${property}', which modules have a member of. Choose another name, or keep it in a ModuleDict.`,
        );
      for (const item of itemsOf(value))
        if (isModule(item) || item instanceof Parameter)
          held.push({
            place,
            what: value instanceof Object ? (value.constructor?.name ?? "Object") : "",
            value: item,
          });
    }
    for (const [name, child] of module.namedChildren()) {
      registered.add(child);
      visit(child, [...above, module], path === "" ? name : `${path}.${name}`);
    }
  };
  visit(root, [], "");

  // Modules that hold nothing lose nothing.
  const holds = (value: unknown): boolean =>
    !isModule(value) || (!above(value) && !value.namedStored().next().done);
  const above = (module: Module): boolean => done.has(module);
  const lost = held.find(({ value }) => !registered.has(value) && holds(value));
  if (lost === undefined) return;
  const isParameter = lost.value instanceof Parameter;
  const list = isParameter ? "nn.ParameterList" : "nn.ModuleList";
  const dict = isParameter ? "nn.ParameterDict" : "nn.ModuleDict";
  throw new UserError(
    "model",
    `${className(root)}: '${lost.place}' is ${/^[AEIOU]/.test(lost.what) ? "an" : "a"} ${lost.what} of ${isParameter ? "parameters" : "modules"}, in which they are not found. Use ${list}([…])${isParameter ? "" : ", nn.Sequential(…)"} or ${dict}({…}), or make each a property.`,
  );
}

function itemsOf(value: unknown): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value as Iterable<unknown>;
  if (value instanceof Map) return value.values();
  if (typeof value !== "object" || value === null) return [];
  return Object.getPrototypeOf(value) === Object.prototype ? Object.values(value) : [];
}

/** The class, also where a child called `constructor` hides it. */
function className(module: Module): string {
  return (Object.getPrototypeOf(module) as Module).constructor.name;
}
