package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// resolve replaces the placeholders of a text. If one is empty, the error says what to
// do.
func resolve(text string) (string, error) {
	s, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err == nil {
		return s, nil
	}
	switch {
	case strings.Contains(err.Error(), "{env."):
		err = fmt.Errorf("%w: Caddy has the environment with which it was started, and a reload does not change it; "+
			"set the variable and restart Caddy, or use {file.*}, which is read at each load", err)
	case strings.Contains(err.Error(), "{file."):
		err = fmt.Errorf("%w: the file is missing, empty, or not readable for Caddy's user", err)
	}
	return "", err
}
