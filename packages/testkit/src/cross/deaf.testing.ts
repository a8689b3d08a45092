// An object of which one method does nothing: to see that a test would notice.

export function without<T extends object>(target: T, method: keyof T): T {
  return new Proxy(target, {
    get: (object, name) => {
      if (name === method) return () => {};
      const value: unknown = Reflect.get(object, name, object);
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
}
