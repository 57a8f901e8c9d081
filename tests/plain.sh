#!/bin/sh
# rustc, as cargo calls it (RUSTC_WRAPPER): the integration tests, which call the program and compare, take a sixth
# of the time to compile without optimisation. What they call stays as the program has it.
case " $* " in
*" --crate-name it "*) exec "$@" -C opt-level=0 ;;
*) exec "$@" ;;
esac
